"""Fetching weights from a real server on the loopback, which does all that servers do."""
# ruff: noqa: E501 - messages stand as they are.

import hashlib
import resource
from pathlib import Path

import numpy as np
import pytest
from weights_server import Behaviour, serve_file

from embodied_mem.errors import WeightsError
from perception.weights import Release
from perception.weights_download import fetch

CONTENT = np.random.default_rng(0).bytes(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def tiny(url: str, sha256: str = DIGEST) -> Release:
    return Release(name="tiny", url=url, sha256=sha256, about="noise")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once_and_progress_is_told(tmp_path: Path):
    told: list[tuple[int, int | None]] = []
    behaviour = Behaviour(CONTENT)
    with serve_file(behaviour) as url:
        for _ in range(2):
            path = fetch(
                tiny(url), folder=tmp_path / "deep", progress=lambda *now: told.append(now)
            )
            assert path.read_bytes() == CONTENT
    assert len(behaviour.asked) == 1
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert names(tmp_path / "deep") == ["tiny.pth"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_broke_off_goes_on_or_begins_anew(tmp_path: Path, ranges: bool):
    behaviour = Behaviour(CONTENT, stop_after=1_200_000, ranges=ranges)
    with serve_file(behaviour) as url:
        with pytest.raises(WeightsError, match=r"broke off after 1\.2 MB: .* Ask again"):
            fetch(tiny(url), folder=tmp_path)
        assert names(tmp_path) == ["tiny.pth.part"]
        behaviour.stop_after = None
        assert fetch(tiny(url), folder=tmp_path).read_bytes() == CONTENT
    assert behaviour.asked == [None, "bytes=1200000-"]
    assert names(tmp_path) == ["tiny.pth"]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(tmp_path: Path):
    (tmp_path / "tiny.pth.part").write_bytes(CONTENT + b"more")
    with serve_file(Behaviour(CONTENT)) as url:
        assert fetch(tiny(url), folder=tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("left_over", [b"", b"of something else"])
def test_another_file_than_was_promised_is_refused_and_deleted(tmp_path: Path, left_over: bytes):
    (tmp_path / "tiny.pth.part").write_bytes(left_over)
    wrong = CONTENT[::-1] if not left_over else CONTENT
    with (
        serve_file(Behaviour(wrong)) as url,
        pytest.raises(WeightsError, match="not the file that was promised"),
    ):
        fetch(tiny(url), folder=tmp_path)
    assert names(tmp_path) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(tmp_path: Path):
    (tmp_path / "tiny.pth").write_bytes(b"damaged")
    with serve_file(Behaviour(CONTENT)) as url:
        assert fetch(tiny(url, DIGEST[:8]), folder=tmp_path).read_bytes() == CONTENT


def test_what_the_server_refuses_is_said_with_the_place_to_put_the_file(tmp_path: Path):
    with (
        serve_file(Behaviour(CONTENT, status=404)) as url,
        pytest.raises(WeightsError) as caught,
    ):
        fetch(tiny(url), folder=tmp_path)
    assert str(caught.value) == (
        f"the server answers 404 Not Found for {url}. Fetch the file some other way and put it at {tmp_path / 'tiny.pth'}."
    )
    assert not (tmp_path / "tiny.pth").exists()


def test_a_silent_server_is_given_up_and_its_part_is_kept(tmp_path: Path):
    behaviour = Behaviour(CONTENT, stall_after=1_048_576)
    with serve_file(behaviour) as url:
        with pytest.raises(WeightsError, match=r"the server was silent for 0\.2 s"):
            fetch(tiny(url), folder=tmp_path, timeout=0.2)
        behaviour.stall_after = None
        assert fetch(tiny(url), folder=tmp_path).read_bytes() == CONTENT
    assert behaviour.asked == [None, "bytes=1048576-"]


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path):
    with serve_file(Behaviour(CONTENT)) as url:
        pass
    with pytest.raises(WeightsError, match="Connection refused"):
        fetch(tiny(url), folder=tmp_path)


def test_a_redirect_to_something_that_is_no_web_address_is_refused(tmp_path: Path):
    (tmp_path / "secret").write_bytes(CONTENT)
    with (
        serve_file(Behaviour(CONTENT, redirect=f"file://{tmp_path / 'secret'}")) as url,
        pytest.raises(WeightsError),
    ):
        fetch(tiny(url), folder=tmp_path / "cache")
    assert names(tmp_path / "cache") == ["tiny.pth.part"]
    assert (tmp_path / "cache" / "tiny.pth.part").stat().st_size == 0


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serve_file(Behaviour(CONTENT)) as url:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
        try:
            with pytest.raises(WeightsError, match=r"there is no room for .*tiny\.pth"):
                fetch(tiny(url), folder=tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_two_do_not_fetch_the_same_file_at_once(tmp_path: Path):
    behaviour = Behaviour(CONTENT)

    def again(done: int, total: int | None) -> None:
        with pytest.raises(WeightsError, match="another process is fetching"):
            fetch(tiny(url), folder=tmp_path)

    with serve_file(behaviour) as url:
        fetch(tiny(url), folder=tmp_path, progress=again)
    assert len(behaviour.asked) == 1


def test_a_link_in_place_of_the_part_is_not_followed(tmp_path: Path):
    (tmp_path / "mine").write_bytes(b"precious")
    (tmp_path / "tiny.pth.part").symlink_to(tmp_path / "mine")
    with serve_file(Behaviour(CONTENT)) as url, pytest.raises(WeightsError, match="cannot write"):
        fetch(tiny(url), folder=tmp_path)
    assert (tmp_path / "mine").read_bytes() == b"precious"
