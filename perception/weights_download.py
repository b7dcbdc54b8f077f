"""Brings a release's file into the cache folder: resumable, checked, and never half there.

Bytes go to `FILE.part`, which a broken download leaves behind and the next one goes on with. Only
a whole file with the right digest gets its name, by one rename.
"""

import errno
import fcntl
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from embodied_mem.errors import WeightsError
from perception.weights import Release, cache_folder, check_digest

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here, and with all that there are, where the server tells."""

_PIECE = 1 << 20
_MOST = 4 << 30
"""A server that sends more than this does not send weights of ours [bytes]."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _BrokenOffError(Exception):
    """The connection ended before the file did; the message says how."""


def fetch(
    release: Release,
    *,
    folder: Path | None = None,
    timeout: float = 30.0,
    progress: Progress | None = None,
) -> Path:
    """Return the file of a release, fetched unless it is there already.

    Args:
        release: What to fetch.
        folder: Cache folder; the user's own when None.
        timeout: Longest silence of the server [s].
        progress: Told after each piece.

    Raises:
        WeightsError: The server cannot be reached, refuses or falls silent, the file is not the
            one that was promised, or there is no room for it.
    """
    folder = folder or cache_folder()
    path = folder / release.file
    part = path.with_name(path.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(part) as file:
            if path.is_file() and _is_right(path, release):
                part.unlink()
                return path
            _download(release, path, file, timeout, progress or (lambda _done, _all: None))
            os.fsync(file.fileno())
            _put_in_place(release, part, path)
    except OSError as error:
        if error.errno in _FULL:
            part.unlink(missing_ok=True)
            raise WeightsError(
                f"there is no room for {path}: {error.strerror}. Make room, or name another folder "
                "by EMBODIED_MEM_CACHE."
            ) from error
        raise WeightsError(f"cannot write {path}: {error.strerror}.") from error
    return path


def _is_right(path: Path, release: Release) -> bool:
    try:
        check_digest(path, release.sha256)
    except WeightsError:
        return False
    return True


@contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    """Open the partial file for this process alone; a link is not followed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(part, flags, 0o644), "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WeightsError(
                f"another process is fetching {part.with_suffix('')}. Wait until it is done."
            ) from error
        yield file


def _download(
    release: Release, path: Path, file: BinaryIO, timeout: float, progress: Progress
) -> None:
    """Bring the partial file to its full length."""
    have = file.seek(0, os.SEEK_END)
    try:
        try:
            _transfer(release, file, have, timeout, progress)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or have == 0:
                raise
            _transfer(release, file, 0, timeout, progress)  # The part is longer than the file.
    except urllib.error.HTTPError as error:
        raise WeightsError(
            f"the server answers {error.code} {error.reason} for {release.url}. "
            f"Fetch the file some other way and put it at {path}."
        ) from error
    except (
        TimeoutError,
        urllib.error.URLError,
        http.client.HTTPException,
        _BrokenOffError,
    ) as error:
        have = file.seek(0, os.SEEK_END)
        raise WeightsError(
            f"fetching {release.url} broke off after {have / 1e6:.1f} MB: {_reason(error, timeout)}"
            ". Ask again to go on from there."
        ) from error
    except ConnectionError as error:
        raise WeightsError(
            f"fetching {release.url} broke off: {error.strerror}. Ask again to go on."
        ) from error


def _reason(error: Exception, timeout: float) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"the server was silent for {timeout:g} s"
    if isinstance(cause, OSError):
        return cause.strerror or type(cause).__name__
    return str(cause) or type(cause).__name__


class _KeepSecure(urllib.request.HTTPRedirectHandler):
    """Follows a redirect, but never from a secure address to one that is not."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: object,
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.URLError("the server sends on to an address that is not secure")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # pyright: ignore[reportArgumentType]


def _transfer(
    release: Release, file: BinaryIO, have: int, timeout: float, progress: Progress
) -> None:
    """Ask for what lies beyond the first `have` bytes, and write it where it belongs."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "embodied-mem"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(release.url, headers=headers)
    with urllib.request.build_opener(_KeepSecure).open(request, timeout=timeout) as reply:
        if reply.status != http.client.PARTIAL_CONTENT or not str(
            reply.headers.get("Content-Range")
        ).startswith(f"bytes {have}-"):
            have = 0
        length = reply.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        file.truncate(have)
        file.seek(have)
        room = os.fstatvfs(file.fileno())
        if total is not None and total - have > room.f_bavail * room.f_frsize:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        while piece := reply.read(_PIECE):
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]
            have += len(piece)
            if have > _MOST:
                file.truncate(0)
                raise WeightsError(f"{release.url} sends more than {_MOST >> 30} GB: refused.")
            progress(have, total)
    if total is not None and have < total:
        raise _BrokenOffError(f"the server stopped before the end, {total / 1e6:.1f} MB")


def _put_in_place(release: Release, part: Path, path: Path) -> None:
    """Give the whole file its name, if it is the file that was promised.

    Raises:
        WeightsError: It is not, and is deleted.
    """
    try:
        check_digest(part, release.sha256)
    except WeightsError as error:
        part.unlink()
        raise WeightsError(
            f"what {release.url} sent is not the file that was promised: its SHA-256 does not "
            f"begin with {release.sha256[:8]}. It was deleted; ask again, or fetch it another way."
        ) from error
    part.replace(path)
