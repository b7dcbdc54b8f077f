"""A client of OpenAI-compatible chat completions that trusts nothing it is sent.

One call has one deadline, whatever the server does: connecting, waiting for its turn, trying again
and reading all count. It reads no more than it is told to, follows no redirect, unpacks nothing,
and Ctrl-C ends it at once.
"""

import base64
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec

from embodied_mem.errors import ConfigError, LanguageModelError, MissingExtraError
from embodied_mem.runtime.interrupts import immediate_interrupts
from planners.language_config import EndpointConfig
from planners.quoting import clean

try:
    import httpx2
except ImportError as error:
    raise MissingExtraError("a language model", "llm") from error

_BUSY = frozenset((408, 425, 429, 500, 502, 503, 504, 529))
"""Statuses after which the same request may do."""
_UNSUPPORTED = frozenset((400, 422))
"""Statuses of servers that know no structured output."""
_CHARACTERS_PER_TOKEN = 4
_MOST_TOKENS = 10**9
"""Larger counts are nonsense."""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Shown(msgspec.Struct, frozen=True):
    """A turn of the user with pictures."""

    text: str
    pictures: tuple[bytes, ...]
    """JPEG files."""

    def as_turn(self) -> dict[str, Any]:
        """Return the turn as the interface has it, pictures in their place."""
        parts: list[dict[str, Any]] = [{"type": "text", "text": self.text}]
        for picture in self.pictures:
            data = base64.b64encode(picture).decode()
            url = f"data:image/jpeg;base64,{data}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        return {"role": "user", "content": parts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said."""

    text: str
    tokens: int
    """Of the question and the answer, as reported, else taking four characters for one."""
    requests: int
    """HTTP requests that it took."""
    cut_off: bool
    """Whether the answer ended at its length limit."""


class _Said(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: msgspec.Raw = msgspec.Raw(b"{}")


class _Usage(msgspec.Struct):
    total_tokens: int


@dataclass(frozen=True, slots=True)
class _Reply:
    """One HTTP reply, or why there is none."""

    status: int = 0
    """0 without a reply."""
    data: bytes = b""
    retry_after: str = ""
    problem: str = ""
    """What went wrong on the way, in words."""


@dataclass(slots=True)
class ChatClient:
    """Asks one endpoint. Not for use by several threads at once."""

    config: EndpointConfig
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    """Where the key is looked up."""
    clock: Callable[[], float] = time.monotonic
    """Gives the time [s] that deadlines are measured on."""
    sleep: Callable[[float], None] = time.sleep
    """Waits for some seconds."""
    structured: bool = field(init=False)
    """Whether the server is still believed to know structured output."""
    _url: httpx2.URL = field(init=False, repr=False)
    _headers: dict[str, str] = field(init=False, repr=False)
    _http: httpx2.Client | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self.structured = self.config.structured
        self._url = _endpoint(self.config.base_url)
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity",
                         "Content-Type": "application/json"}  # fmt: skip
        if self.config.key_env is not None:
            self._headers["Authorization"] = f"Bearer {_key(self.config.key_env, self.environ)}"

    def ask(
        self, messages: Sequence[Message | Shown], schema: Mapping[str, Any] | None = None
    ) -> Answer:
        """Send a conversation and return the model's answer to it.

        Args:
            messages: The conversation, the system's words first.
            schema: JSON schema that the answer shall fit, where the server knows how.

        Raises:
            LanguageModelError: There is no usable answer within the deadline.
        """
        until, requests = self.clock() + self.config.timeout, 0
        tries = 0
        while True:
            asked = schema if self.structured else None
            body = self._body(messages, asked)
            with immediate_interrupts():
                reply = self._post(body, until - self.clock())
            requests += 1
            if reply.status == httpx2.codes.OK and not reply.problem:
                return self._read(reply.data, len(body), requests)
            if asked is not None and reply.status in _UNSUPPORTED:
                self.structured = False
                continue
            passing = reply.status in _BUSY or (reply.problem and not reply.status)
            pause = self._pause(tries, reply.retry_after)
            if not passing or tries >= self.config.retries or self.clock() + pause >= until:
                raise LanguageModelError(self._sentence(reply, requests))
            tries += 1
            with immediate_interrupts():
                self.sleep(pause)

    def close(self) -> None:
        """Drop the connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _body(self, messages: Sequence[Message | Shown], schema: Mapping[str, Any] | None) -> bytes:
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": [m.as_turn() if isinstance(m, Shown) else m for m in messages],
            "temperature": self.config.temperature,
            self.config.reply_field: self.config.reply_tokens,
            "stream": False,
        }
        if schema is not None:
            form = {"name": "plan", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return msgspec.json.encode(body)

    def _post(self, body: bytes, seconds: float) -> _Reply:
        """Make one request in a thread of its own, and wait for it no longer than allowed."""
        late = _Reply(problem=f"no whole answer came within {self.config.timeout:g} s")
        if seconds <= 0:
            return late
        client = self._client()
        box: queue.SimpleQueue[_Reply] = queue.SimpleQueue()

        def work() -> None:
            reply = _Reply(problem="the request ended without an answer")
            try:
                reply = self._exchange(client, body, seconds)
            except httpx2.TimeoutException:
                reply = late
            except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
                reply = _Reply(problem=clean(str(error)) or type(error).__name__)
            finally:
                box.put(reply)

        threading.Thread(target=work, name="llm-request", daemon=True).start()
        answered = False
        try:
            reply = box.get(timeout=seconds)
            answered = reply is not late
        except queue.Empty:
            return late
        else:
            return reply
        finally:
            if not answered:  # The thread, if it still reads, finds its connection closed.
                self.close()

    def _exchange(self, client: httpx2.Client, body: bytes, seconds: float) -> _Reply:
        until, limit = self.clock() + seconds, self.config.max_reply_bytes
        timeout = httpx2.Timeout(seconds, connect=min(seconds, self.config.connect_timeout))
        with client.stream("POST", self._url, content=body, timeout=timeout) as response:
            packed = response.headers.get("content-encoding", "identity").lower()
            if packed != "identity":
                return _Reply(response.status_code, problem="the reply is compressed, unasked")
            data = bytearray()
            for chunk in response.iter_raw():
                data += chunk
                if len(data) > limit:
                    problem = f"the reply is longer than {limit} bytes (`max_reply_bytes`)"
                    return _Reply(response.status_code, problem=problem)
                if self.clock() > until:
                    raise httpx2.ReadTimeout("")
            wait = response.headers.get("retry-after", "")
            return _Reply(response.status_code, bytes(data), wait)

    def _client(self) -> httpx2.Client:
        if self._http is None:
            self._http = httpx2.Client(
                headers=self._headers,
                follow_redirects=False,  # Else the key would go where the server says.
                trust_env=self._url.host not in _LOOPBACK,  # A proxy does not know this machine.
                auth=_as_it_is,  # Nothing from ~/.netrc.
            )
        return self._http

    def _pause(self, tries: int, retry_after: str) -> float:
        """Return how long to wait before trying again [s]."""
        asked = _seconds(retry_after)
        pause = asked if asked is not None else 0.5 * 2.0 ** min(tries, 10)
        return min(max(pause, 0.0), self.config.longest_wait)

    def _read(self, data: bytes, asked: int, requests: int) -> Answer:
        try:
            completion = msgspec.json.decode(data, type=_Completion)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise LanguageModelError(
                f"{self._where()} answered with something that is no chat completion: "
                f"{clean(str(error))}."
            ) from error
        said = completion.choices[0].message if completion.choices else _Said()
        if said.refusal or not said.content:
            words = f": {clean(said.refusal)}" if said.refusal else " with no text"
            raise LanguageModelError(f"{self._where()} answered{words}.")
        estimate = (asked + len(said.content)) // _CHARACTERS_PER_TOKEN
        return Answer(
            text=said.content,
            tokens=_tokens(completion.usage) or estimate,
            requests=requests,
            cut_off=completion.choices[0].finish_reason == "length",
        )

    def _where(self) -> str:
        return f"the model at {self._url.host}:{self._url.port or self._url.scheme}"

    def _sentence(self, reply: _Reply, requests: int) -> str:
        where = self._where()
        after = f" after {requests} requests" if requests > 1 else ""
        if reply.problem:
            return (
                f"{where} gave no answer{after}: {reply.problem}. Check `base_url` and the server."
            )
        match reply.status:
            case 401 | 403:
                key = self.config.key_env
                hint = f"the key in ${key}" if key else "requests without a key; set `key_env`"
                return f"{where} refuses {hint} (HTTP {reply.status})."
            case status if 300 <= status < 400:
                return f"{where} sends elsewhere (HTTP {status}), which is not followed."
            case 429:
                return f"{where} limits the rate of requests (HTTP 429){after}. Try later."
            case status:
                words = clean(reply.data[:2000].decode(errors="replace"), 160)
                return f"{where} answered with HTTP {status}{after}: {words}"


_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


def _as_it_is(request: httpx2.Request) -> httpx2.Request:
    return request


def _endpoint(base_url: str) -> httpx2.URL:
    try:
        url = httpx2.URL(base_url.rstrip("/") + "/chat/completions")
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise ConfigError(f"`base_url` is no address: {clean(str(error))}.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(
            f"`base_url` must begin with http:// or https:// and name a host, got "
            f"'{clean(base_url)}'."
        )
    if url.userinfo or url.query or url.fragment:
        raise ConfigError(
            "`base_url` must not hold a user, a password, a query or a fragment. Put the key in "
            "an environment variable and its name in `key_env`."
        )
    return url


def _key(name: str, environ: Mapping[str, str]) -> str:
    key = environ.get(name, "").strip()
    if not key:
        raise ConfigError(f"the environment variable {clean(name)} (`key_env`) holds no key.")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"the key in ${clean(name)} holds characters that no key has.")
    return key


def _seconds(retry_after: str) -> float | None:
    """Read `Retry-After`, seconds or a date (RFC 9110, 10.2.3); None where it is neither."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return seconds if math.isfinite(seconds) else None


def _tokens(usage: msgspec.Raw) -> int:
    """Return the reported number of tokens, 0 where none or nonsense is reported."""
    try:
        total = msgspec.json.decode(usage, type=_Usage).total_tokens
    except (msgspec.MsgspecError, RecursionError):
        return 0
    return min(max(total, 0), _MOST_TOKENS)
