"""What `export` writes is read by the libraries that others read it with, and is what was kept."""

import configparser
import json
import re
import resource
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from films import SCRIPT, remember, remember_by_name, write_minute
from inline_snapshot import snapshot
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO

from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Export, ExportFormat
from embodied_mem.app.video_commands import Video, VideoRemember
from embodied_mem.memory import Memory
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.scene_graph import Node
from embodied_mem.memory.spark_dsg_json import from_spark_dsg


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    film = write_minute(folder / "a minute, of it.mp4")
    with EventIndex(folder / "store") as index:
        remember(index, film)
    return folder / "store"


@pytest.fixture(scope="module")
def exported(store: Path) -> Path:
    return export(store, store.parent / "out")


def export(store: Path, out: Path, *formats: ExportFormat) -> Path:
    assert execute(Export(store=str(store), out=str(out), formats=formats)) == 0
    return out


def rows(exported: Path, table: str) -> list[dict]:
    return parquet.read_table(exported / "parquet" / f"{table}.parquet").to_pylist()


def test_parquet_tables_hold_the_rows_of_the_store(store: Path, exported: Path):
    with EventIndex(store, read_only=True) as index:
        (video,) = index.videos()
        events, things = index.events(), index.things()
    table = {row["event"]: row for row in rows(exported, "events")}
    assert set(table) == {event.id for event in events}
    for event in events:
        row = table[event.id]
        assert (row["start"], row["stop"], row["caption"]) == (
            event.start, event.stop, event.caption,
        )  # fmt: skip
        assert [(one["thing"], one["role"]) for one in row["things"]] == event.things
        assert event.vector is not None
        np.testing.assert_array_equal(np.float16(row["vector"]), event.vector)
    assert {row["thing"] for row in rows(exported, "things")} == {thing.id for thing in things}
    assert [row["name"] for row in rows(exported, "videos")] == [video.name]


def test_every_row_says_which_pictures_of_which_content_it_comes_from(store: Path, exported: Path):
    with EventIndex(store, read_only=True) as index:
        (video,) = index.videos()
    for table in ("videos", "events", "things", "tracks", "places"):
        got = rows(exported, table)
        assert got
        assert {row["video_sha256"] for row in got} == {video.digest}
    assert all(row["first_position"] <= row["last_position"] for row in rows(exported, "events"))
    annotations = json.loads((exported / "coco" / "annotations.json").read_text())
    for annotation in annotations["annotations"]:
        assert annotation["video_sha256"] == video.digest


def test_tracks_follow_the_planted_passers(exported: Path):
    passer = SCRIPT.events[0]
    own = [row for row in rows(exported, "tracks") if passer.start < row["stamp"] < passer.stop]
    stamps = [row["stamp"] for row in own]
    centres = [(row["left"] + row["right"]) / 2 for row in own]
    assert len(own) >= 0.8 * 4 * (passer.stop - passer.start)  # Four pictures a second.
    assert all(0 < b - a <= 1 for a, b in pairwise(stamps))
    assert np.corrcoef(stamps, centres)[0, 1] ** 2 > 0.95  # It crosses the picture steadily.


def test_pycocotools_reads_boxes_in_key_frames(exported: Path):
    coco = COCO(str(exported / "coco" / "annotations.json"))
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == ["mover", "thing"]
    assert coco.getAnnIds()
    for image in coco.loadImgs(coco.getImgIds()):
        data = (exported / "coco" / "images" / image["file_name"]).read_bytes()
        assert data[:3] == b"\xff\xd8\xff"
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            left, top, width, height = annotation["bbox"]
            assert 0 <= left < left + width <= image["width"]
            assert 0 <= top < top + height <= image["height"]
            assert dict(annotation)["position"] == dict(image)["position"]


@pytest.fixture(scope="module")
def outlined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of which a detector's outlines are kept."""
    folder = tmp_path_factory.mktemp("outlined")
    with EventIndex(folder / "store") as index:
        remember_by_name(index, write_minute(folder / "minute.mp4"))
    return folder / "store"


def test_pycocotools_reads_outlines_where_the_store_keeps_them(outlined: Path, tmp_path: Path):
    out = export(outlined, tmp_path / "out", "coco", "mot")
    coco = COCO(str(out / "coco" / "annotations.json"))
    named = {one["name"]: one["id"] for one in coco.loadCats(coco.getCatIds())}
    assert named == {"mover": 1, "thing": 2, "cup": 3, "person": 4}
    annotations: list[dict] = [dict(one) for one in coco.loadAnns(coco.getAnnIds())]
    assert {one["category_id"] for one in annotations} == {3, 4}
    for annotation in annotations:
        mask = run_lengths.decode(annotation["segmentation"])
        left, top, width, height = annotation["bbox"]
        assert annotation["area"] == mask.sum() == int(run_lengths.area(annotation["segmentation"]))
        assert run_lengths.toBbox(annotation["segmentation"]) == pytest.approx(
            [left, top, width, height], abs=1
        )
        assert annotation["score"] == 0.9
    (sequence,) = (out / "mot").iterdir()
    assert {line[7] for line in np.loadtxt(sequence / "gt" / "gt.txt", delimiter=",")} == {3, 4}
    again = export(outlined, tmp_path / "again", "coco", "mot")
    assert (again / "coco" / "annotations.json").read_bytes() == (
        out / "coco" / "annotations.json"
    ).read_bytes()


def test_outlines_of_motion_and_colours_are_kept_where_that_is_asked_for(tmp_path: Path):
    film = write_minute(tmp_path / "minute.mp4")
    task = VideoRemember(
        sources=(str(film),), store=str(tmp_path / "store"), rate=4.0, side=160, masks=True
    )
    assert execute(Video(task=task)) == 0
    out = export(tmp_path / "store", tmp_path / "out", "coco")
    document = json.loads((out / "coco" / "annotations.json").read_text())
    assert document["annotations"]
    for annotation in document["annotations"]:
        mask = run_lengths.decode(annotation["segmentation"])
        assert mask.sum() == annotation["area"]
        assert mask.sum() > 0.3 * annotation["bbox"][2] * annotation["bbox"][3]


def test_a_store_from_before_outlines_is_exported_with_boxes(outlined: Path, tmp_path: Path):
    shutil.copytree(outlined, tmp_path / "old")
    with EventIndex(tmp_path / "old") as index, index.store.transaction() as database:
        database.execute("DROP TABLE path_details")
    out = export(tmp_path / "old", tmp_path / "out")
    document = json.loads((out / "coco" / "annotations.json").read_text())
    assert document["annotations"]
    assert all(one["segmentation"] == [] for one in document["annotations"])


def test_mot_files_hold_one_box_for_each_thing_and_frame(exported: Path):
    (sequence,) = (exported / "mot").iterdir()
    assert sequence.name == "1-a_minute_of_it"
    info = configparser.ConfigParser()
    info.read(sequence / "seqinfo.ini")
    lines = np.loadtxt(sequence / "gt" / "gt.txt", delimiter=",")
    assert lines.shape[1] == 9
    assert len({(line[0], line[1]) for line in lines}) == len(lines)
    assert lines[:, 0].min() >= 1
    assert lines[:, 0].max() == int(info["Sequence"]["seqLength"])
    tracks = rows(exported, "tracks")
    frames = sorted(int(row["stamp"] * 4 + 1e-6) + 1 for row in tracks)
    assert sorted(lines[:, 0]) == frames


def test_subtitles_tile_the_video(store: Path, exported: Path):
    (path,) = (exported / "srt").iterdir()
    pattern = r"(\d+)\n(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})\n(.+)\n"
    entries = re.findall(pattern, path.read_text(encoding="utf-8"))
    with EventIndex(store, read_only=True) as index:
        segments = index.events("level = 'segment'")
    assert [int(entry[0]) for entry in entries] == list(range(1, len(segments) + 1))
    assert [entry[3] for entry in entries] == [event.caption for event in segments]
    assert all(a[2] == b[1] for a, b in pairwise(entries))  # Half open: one's end begins the next.
    assert entries[0][1] == "00:00:00,000"


def test_the_same_store_gives_the_same_bytes(store: Path, exported: Path, tmp_path: Path):
    again = export(store, tmp_path / "again")
    files = sorted(path.relative_to(exported) for path in exported.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    for file in files:
        assert (exported / file).read_bytes() == (again / file).read_bytes(), file


def test_only_the_formats_asked_for_are_written(store: Path, tmp_path: Path):
    out = export(store, tmp_path / "out", "srt", "mot")
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "mot", "srt"]


def test_the_memory_of_a_house_becomes_a_scene_graph(tmp_path: Path):
    memory = Memory()
    memory.graph.put(Node(id="building_1", kind="building"))
    memory.save(tmp_path / "house")
    out = export(tmp_path / "house", tmp_path / "out")
    graph = from_spark_dsg((out / "scene_graph.json").read_bytes())
    assert [node.id for node in graph.nodes()] == ["building_1"]


def refusal(capsys: pytest.CaptureFixture[str], here: Path, *words: str) -> str:
    store, out, *formats = words
    chosen: tuple = tuple(formats)
    assert execute(Export(store=store, out=out, formats=chosen)) == 2
    return capsys.readouterr().err.replace(str(here), "HERE")


def test_refusals_are_one_clear_sentence(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    Memory().save(tmp_path / "empty")
    here, out = str(tmp_path), str(tmp_path / "out")
    assert refusal(capsys, tmp_path, f"{here}/none", out) == snapshot(
        "embodied-mem: there is no folder HERE/none. Give a memory's store, or a run's folder.\n"
    )
    assert refusal(capsys, tmp_path, f"{here}/other", out) == snapshot(
        "embodied-mem: there is no memory at HERE/other. Check the path.\n"
    )
    assert refusal(capsys, tmp_path, f"{here}/empty", out) == snapshot(
        "embodied-mem: there is nothing in HERE/empty yet to export.\n"
    )
    assert refusal(capsys, tmp_path, str(store), f"{here}/full") == snapshot(
        "embodied-mem: HERE/full is there already. Give another `--out`, or remove it.\n"
    )
    assert refusal(capsys, store.parent, str(store), out, "spark-dsg").replace(
        here, "HERE"
    ) == snapshot(
        "embodied-mem: HERE/store remembers no house, so there is no spark-dsg. "
        "It has: parquet, coco, mot, srt.\n"
    )
    assert refusal(capsys, store.parent, str(store), f"{store}/out") == snapshot(
        "embodied-mem: HERE/store/out lies in the store itself. Give another `--out`.\n"
    )
    assert (tmp_path / "full" / "letter.txt").read_text() == "mine"
    assert not Path(out).exists()


def test_a_full_disk_leaves_nothing_behind(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with EventIndex(store, read_only=True):  # So that SQLite has nothing to write.
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            said = refusal(capsys, tmp_path, str(store), str(tmp_path / "out"), "parquet")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert said == snapshot(
        "embodied-mem: cannot write HERE/out: File too large. "
        "Free space, or give another `--out`.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleared_away(store: Path, tmp_path: Path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "half.parquet").write_bytes(b"PAR1")
    out = export(store, tmp_path / "out", "srt")
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "srt"]
    assert list(tmp_path.iterdir()) == [out]
