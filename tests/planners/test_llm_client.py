"""The client against a real server that is slow, busy, broken or hostile."""

import gzip
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from llm_server import LlmServer, Reply, completion, said

from embodied_mem.errors import ConfigError, LanguageModelError
from embodied_mem.runtime.interrupts import deferred_interrupts
from planners.language_config import EndpointConfig
from planners.llm_client import ChatClient, Message
from planners.plan_reply import reply_schema

HELLO = (Message("system", "You plan."), Message("user", "Hello."))
LONG = 60.0
"""Longer than any test may take [s]."""


def client(server: LlmServer | str, **settings) -> ChatClient:
    url = server if isinstance(server, str) else server.url
    environ = settings.pop("environ", {})
    pauses = settings.pop("pauses", [])
    config = EndpointConfig(**{"model": "m", "base_url": url, "timeout": 5.0, **settings})
    return ChatClient(config, environ=environ, sleep=pauses.append)


def refusal(server: LlmServer | str, **settings) -> str:
    with pytest.raises(LanguageModelError) as error:
        client(server, **settings).ask(HELLO)
    return str(error.value)


def test_the_request_is_a_chat_completion_and_the_answer_is_its_text():
    with LlmServer(["fine"]) as server:
        key = {"LLM_KEY": "sk-secret"}
        asked = client(server, key_env="LLM_KEY", environ=key)
        answer = asked.ask(HELLO, reply_schema())
    (request,) = server.requests
    assert (answer.text, answer.tokens, answer.requests) == ("fine", 100, 1)
    assert request.path == "/v1/chat/completions"
    assert request.headers["Authorization"] == "Bearer sk-secret"
    assert request.body["temperature"] == 0
    assert request.body["messages"][1] == {"role": "user", "content": "Hello."}
    assert request.body["response_format"]["json_schema"]["schema"] == reply_schema()
    assert "sk-secret" not in repr(asked)


def test_a_server_without_structured_output_is_asked_for_plain_json():
    def script(request):
        if "response_format" in request.body:
            return Reply(status=400, body=b'{"error": "response_format is not supported"}')
        return "plain"

    with LlmServer(script) as server:
        asked = client(server)
        answers = [asked.ask(HELLO, reply_schema()) for _ in range(2)]
    assert [answer.text for answer in answers] == ["plain", "plain"]
    assert [answer.requests for answer in answers] == [2, 1], "it is asked for only once"


def test_a_limited_rate_is_waited_out_as_the_server_says_within_bounds():
    pauses: list[float] = []
    busy = [Reply(status=429, headers={"Retry-After": wait}) for wait in ("2", "9999", "-3")]
    with LlmServer([*busy, said("at last")]) as server:
        answer = client(server, pauses=pauses, timeout=LONG, longest_wait=7.0).ask(HELLO)
    assert answer.text == "at last"
    assert pauses == [2.0, 7.0, 0.0]


@pytest.mark.parametrize("wait", ["soon", "inf", "nan", "1e309", "Wed, 99 Foo 20", "9" * 5000])
def test_a_nonsensical_retry_after_is_no_reason_to_wait_for_long(wait: str):
    pauses: list[float] = []
    with LlmServer([Reply(status=503, headers={"Retry-After": wait}), said("x")]) as server:
        client(server, pauses=pauses, timeout=LONG).ask(HELLO)
    assert all(0 <= pause <= 20 for pause in pauses)


def test_what_does_not_pass_is_told_with_the_servers_words():
    told = {}
    for status in (302, 401, 404, 429, 500):
        body = b'{"error": "no\x1b[31m such \xff model"}'
        reply = Reply(status=status, headers={"Location": "http://example.invalid/"}, body=body)
        with LlmServer([reply]) as server:
            told[status] = refusal(server).replace(server.url.split("/")[2], "HOST")
        assert len(server.requests) == (4 if status in (429, 500) else 1)
    assert "sends elsewhere (HTTP 302), which is not followed" in told[302]
    assert "refuses requests without a key" in told[401]
    assert "HTTP 404" in told[404]
    assert "such" in told[404]
    assert "\x1b" not in told[404]
    assert "limits the rate of requests (HTTP 429) after 4 requests" in told[429]
    assert "HTTP 500 after 4 requests" in told[500]


def test_nobody_listening_is_told_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = refusal(f"http://127.0.0.1:{port}/v1")
    assert f"127.0.0.1:{port} gave no answer after 4 requests" in words


@pytest.mark.parametrize(
    "reply",
    [
        Reply(delay=LONG),
        Reply(body=completion("x"), drip=0.05),
        Reply(body=completion("x"), header_drip=0.05),
    ],
    ids=["silent", "drips the body", "drips the headers"],
)
def test_a_call_has_one_deadline_whatever_the_server_does(reply: Reply):
    with LlmServer([reply]) as server:
        began = time.monotonic()
        words = refusal(server, timeout=0.5)
        took = time.monotonic() - began
    assert "no whole answer came within 0.5 s" in words
    assert 0.4 < took < 5


def test_pauses_count_towards_the_deadline():
    with LlmServer([Reply(status=429, headers={"Retry-After": "10"})]) as server:
        assert "HTTP 429" in refusal(server, timeout=5.0)
    assert len(server.requests) == 1


def test_a_connection_that_breaks_is_tried_again():
    broken = Reply(body=completion("x")[:20], promised=500)
    with LlmServer([broken, said("whole")]) as server:
        assert client(server).ask(HELLO).text == "whole"


def test_no_more_is_read_than_allowed():
    huge = Reply(body=completion("x" * 3_000_000))
    with LlmServer([huge]) as server:
        words = refusal(server, max_reply_bytes=10_000)
    assert "longer than 10000 bytes" in words
    assert len(server.requests) == 1


def test_a_compressed_reply_is_not_unpacked():
    bomb = gzip.compress(b"0" * 50_000_000)
    with LlmServer([Reply(headers={"Content-Encoding": "gzip"}, body=bomb)]) as server:
        assert "compressed" in refusal(server)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"null", b"[]", b'{"choices": []}', b'{"choices": 3}', b"\xff\xfe\x00",
        b'{"choices": [{"message": {"content": null, "refusal": "I will not."}}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b', "choices": []}',
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
    ],
)  # fmt: skip
def test_what_is_no_completion_is_one_sentence(body: bytes):
    with LlmServer([Reply(body=body)]) as server:
        words = refusal(server)
    assert words.startswith("the model at 127.0.0.1:")
    assert "\n" not in words
    assert len(words) < 500


@pytest.mark.parametrize(
    ("usage", "least", "most"),
    [
        ({"total_tokens": 7}, 7, 7),
        ({"total_tokens": -5}, 10, 200),
        ({"total_tokens": 10**30}, 10**9, 10**9),
        ({"total_tokens": "many"}, 10, 200),
        ([[]], 10, 200),
        (None, 10, 200),
    ],
)
def test_tokens_are_counted_also_where_the_server_lies(usage, least: int, most: int):
    body = json.loads(completion("x" * 100)) | {"usage": usage}
    with LlmServer([Reply(body=json.dumps(body).encode())]) as server:
        assert least <= client(server).ask(HELLO).tokens <= most


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base_url": "file:///etc/passwd"}, "must begin with http"),
        ({"base_url": "localhost:8000"}, "must begin with http"),
        ({"base_url": "http://user:word@host/v1"}, "must not hold a user"),
        ({"base_url": "http://host/v1?key=3"}, "must not hold a user"),
        ({"base_url": "http://[::1"}, "no address"),
        ({"key_env": "NOT_SET"}, "holds no key"),
        ({"key_env": "SPLIT"}, "characters that no key has"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused_before_anything_is_sent(settings, words: str):
    config = EndpointConfig(**{"model": "m", **settings})
    with pytest.raises(ConfigError, match=words):
        ChatClient(config, environ={"SPLIT": "sk-1\r\nX-Evil: 1"})


def test_ctrl_c_ends_a_call_at_once_also_where_interrupts_wait_for_a_step():
    with LlmServer([Reply(delay=LONG)]) as server:
        asked = client(server, timeout=LONG)

        def interrupt() -> None:
            while not server.requests:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        began = time.monotonic()
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt), deferred_interrupts():
            asked.ask(HELLO)
        assert time.monotonic() - began < 20
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_key_goes_nowhere_but_to_the_endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Neither a redirect nor a proxy nor ~/.netrc has a say in where it goes, or in what goes."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with LlmServer(["stolen"]) as thief:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, thief.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        moved = Reply(status=307, headers={"Location": f"{thief.url}/chat/completions"})
        with LlmServer(["fine", moved]) as server:
            asked = client(server, key_env="K", environ={"K": "sk-1"})
            assert asked.ask(HELLO).text == "fine"
            with pytest.raises(LanguageModelError, match="sends elsewhere"):
                asked.ask(HELLO)
            plain = client(server)
            with pytest.raises(LanguageModelError):
                plain.ask(HELLO)
    assert not thief.requests
    assert [r.headers.get("Authorization") for r in server.requests] == [
        "Bearer sk-1", "Bearer sk-1", None,
    ]  # fmt: skip
