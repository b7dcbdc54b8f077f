"""The page about a memory of videos stands alone, and lets nothing out of its data."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from embodied_mem.app.commands import View
from embodied_mem.app.view import view
from embodied_mem.errors import ConfigError, StoreError
from embodied_mem.memory.events.index import Batch, EventIndex
from embodied_mem.memory.events.records import EventRow, PathRow, ThingRow, VideoRow
from embodied_mem.runtime.exports.names import file_stem
from embodied_mem.runtime.video_page import render_video_page


@pytest.fixture
def store(tmp_path: Path) -> Path:
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    with EventIndex(tmp_path / "m") as index:
        video = index.begin(
            VideoRow(id=0, name="<b>tour</b>.mp4", path="/x", digest="d", quick="q", settings="{}",
                     seconds=0.0, done=False, note="")
        )  # fmt: skip
        events = [
            EventRow(video=video.id, level="segment", kind="segment", start=0.0, stop=9.0, first=0,
                     last=8, caption="Nothing moved.", picture="v1-0.jpg"),
            EventRow(video=video.id, level="moment", kind="came", start=3.0, stop=3.0, first=3,
                     last=3, caption="A red </script><i> came.", picture="v1-3.jpg"),
        ]  # fmt: skip
        pictures = {"v1-0.jpg": jpeg, "v1-3.jpg": jpeg}
        index.add(video.id, Batch(events=events, pictures=pictures, seconds=9.0))
    return tmp_path / "m"


def test_the_page_needs_nothing_from_outside_and_carries_its_pictures(store: Path):
    with EventIndex(store, read_only=True) as index:
        page = render_video_page(index, title="tour")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    data = json.loads(re.findall(r'id="data" type="application/json">(.*?)</script>', page)[0])
    assert set(data["pictures"]) == {"v1-0.jpg", "v1-3.jpg"}
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in data["pictures"].values())
    assert [event["kind"] for event in data["events"]] == ["segment", "came"]
    assert page.count('data-event="') == 2


def test_words_of_a_video_are_never_markup(store: Path):
    with EventIndex(store, read_only=True) as index:
        page = render_video_page(index, title="<title>")
    assert "<b>tour" not in page
    assert "</script><i>" not in page
    assert "&lt;b&gt;tour&lt;/b&gt;.mp4" in page


def test_view_writes_the_page_of_a_memory_of_videos(store: Path, tmp_path: Path):
    assert view(View(folder=str(store), out=str(tmp_path / "page.html"))) == 0
    assert 'id="search"' in (tmp_path / "page.html").read_text()


def test_the_same_is_a_recording_for_rerun(store: Path, tmp_path: Path):
    recording = pytest.importorskip(
        "embodied_mem.runtime.video_recording", reason="rerun-sdk is not installed"
    )
    with EventIndex(store) as index:
        (video,) = index.videos()
        thing = ThingRow(id="red_1", video=video.id, kind="mover", label="red mover", first=3.0,
                         last=5.0, box=(0.1, 0.1, 0.5, 0.5), region="left", steadiness=1.0,
                         colours=[])  # fmt: skip
        path = PathRow(thing="red_1", video=video.id, positions=np.array([3, 4, 8]),
                       stamps=np.array([3.0, 4.0, 8.0]),
                       boxes=np.full((3, 4), [[0.1, 0.1, 0.5, 0.5]], np.float32))  # fmt: skip
        index.add(video.id, Batch(things=[thing], paths=[path], seconds=9.0))
    out, page = tmp_path / "m.rrd", tmp_path / "page.html"
    assert view(View(folder=str(store), out=str(page), rrd=str(out))) == 0
    data = out.read_bytes()
    assert data[:4] == b"RRF2"
    with EventIndex(store, read_only=True) as index:
        name = file_stem(index.videos()[0]).encode()
    for entity in (b"/picture", b"/picture/things", b"/events", b"/things"):
        assert b"/" + name + entity in data
    with pytest.raises(StoreError, match="Is a directory"), EventIndex(store) as index:
        recording.write_video_recording(tmp_path, index)


def test_a_run_has_its_own_recording(tmp_path: Path):
    with pytest.raises(ConfigError, match="for memories of videos"):
        view(View(folder=str(tmp_path), rrd="m.rrd"))
