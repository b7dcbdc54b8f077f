"""What runs leave on disk: whole at every moment, and readable by others."""
# ruff: noqa: E501 - messages stand as they are.

import base64
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from box_backend import BoxBackend, ScriptedPlanner, decision, furnished_room, look_round
from inline_snapshot import snapshot

from embodied_mem.config import Config, load_config
from embodied_mem.errors import StoreError
from embodied_mem.memory import Memory
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.runtime.belief import believe, load_belief
from embodied_mem.runtime.recorders import EpisodeWriter, MetricsLogger
from embodied_mem.runtime.report import render_report, write_report
from embodied_mem.runtime.report_run import ReportRun, load_run, run_of_memory
from embodied_mem.runtime.trace import EndLine, StartLine, StepLine, read_trace
from perception import Pipeline


class TinyConfig(Config, frozen=True):
    """What a run was made with."""

    seed: int = 3


def agent(script, memory: Memory) -> Agent:
    return Agent(perceive=Pipeline(), memory=memory, planner=ScriptedPlanner(script))


def script():
    return [*look_round(12), decision("MoveAhead", "navigate"), decision("Levitate")]


@pytest.fixture(name="run", scope="module")
def a_run(tmp_path_factory) -> Path:
    """Return the folder of two episodes; something is carried off before the second."""
    folder = tmp_path_factory.mktemp("runs") / "kept"
    backend, memory = BoxBackend(furnished_room(200)), Memory()
    writer = EpisodeWriter(folder, config=TinyConfig())
    for episode in range(2):
        run_episode(backend, agent(script(), memory), goal="on(floorlamp)", subscribers=[writer])
        if episode == 0:
            backend.world.things["bowl"].center = (-2.2, 3.0, 0.9)
    writer.close()
    return folder


def test_every_decision_is_a_line(run: Path):
    lines = read_trace(run / "metrics.jsonl")
    kinds = [type(line) for line in lines]
    assert kinds == [StartLine, *[StepLine] * 15, EndLine] * 2
    steps = [line for line in lines if isinstance(line, StepLine)]
    assert [s.step for s in steps] == [*range(15)] * 2
    assert [s.last_success for s in steps] == [*[True] * 14, False] * 2
    assert steps[14].last_message == "Invalid action: Levitate"
    assert steps[0].pose == pytest.approx((-1.0, -1.5, 0.6))
    for raw in (run / "metrics.jsonl").read_bytes().splitlines():
        assert msgspec.json.decode(raw)["episode"] in (0, 1)


def test_a_plan_is_written_where_it_changes(run: Path):
    plans = [line.plan for line in read_trace(run / "metrics.jsonl") if isinstance(line, StepLine)]
    told = [plan for plan in plans[:15] if plan is not None]
    assert told == [("look round", "go to the lamp", "switch the lamp on"), ()]


def test_what_memory_learnt_is_written_when_it_learnt_it(run: Path):
    steps = [line for line in read_trace(run / "metrics.jsonl") if isinstance(line, StepLine)]
    first = [(c.change, c.label) for s in steps if s.episode == 0 for c in s.changes]
    assert ("appeared", "DiningTable") in first
    assert ("appeared", "Bowl") in first
    second = {(c.change, c.label) for s in steps if s.episode == 1 for c in s.changes}
    assert second & {("gone", "Bowl"), ("moved", "Bowl")}


def test_the_belief_is_that_of_the_memory_at_the_end(run: Path):
    belief = load_belief(run / "belief.json")
    assert {"DiningTable", "Mug", "Sofa"} <= {thing.label for thing in belief.objects}
    assert belief.grid is not None
    states = belief.grid.states()
    assert states.shape == (belief.grid.rows, belief.grid.columns)
    assert set(np.unique(states)) == {0, 1, 2}


def test_key_frames_are_pictures_of_their_steps(run: Path):
    steps = [line for line in read_trace(run / "metrics.jsonl") if isinstance(line, StepLine)]
    kept = [step.frame for step in steps if step.frame]
    assert steps[0].frame
    assert len(kept) == len(set(kept)) >= 4
    for name in kept:
        picture = cv2.imread(str(run / name))
        assert picture is not None
        assert picture.shape == (200, 200, 3)


def test_the_config_can_be_read_again(run: Path):
    assert load_config(run / "config.yaml", TinyConfig) == TinyConfig()


def test_lines_are_on_disk_while_the_episode_runs(tmp_path: Path):
    logger = MetricsLogger(tmp_path / "metrics.jsonl")
    counts = []

    class Reader:
        def on_start(self, goal, memory) -> None:
            counts.append(len(read_trace(tmp_path / "metrics.jsonl")))

        def on_step(self, step, percept, decision, memory) -> None:
            counts.append(len(read_trace(tmp_path / "metrics.jsonl")))

        def on_end(self, outcome, memory) -> None:
            counts.append(len(read_trace(tmp_path / "metrics.jsonl")))

    run_episode(
        BoxBackend(furnished_room(48)),
        agent(look_round(2), Memory()),
        goal="on(floorlamp)",
        subscribers=[logger, Reader()],
    )
    assert counts == [1, 2, 3, 4, 5]


def test_a_run_goes_on_where_it_was_cut_off(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    for _ in range(2):
        logger = MetricsLogger(path)
        run_episode(
            BoxBackend(furnished_room(48)),
            agent(look_round(1), Memory()),
            goal="on(floorlamp)",
            subscribers=[logger],
        )
        logger.close()
        with path.open("ab") as file:
            file.write(b'{"kind":"step","epi')  # As a crash leaves it.
    lines = read_trace(path)
    assert [line.episode for line in lines] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as caught:
        EpisodeWriter(tmp_path / "file" / "run")
    assert str(caught.value).replace(str(tmp_path), "") == snapshot(
        "cannot write /file/run: Not a directory."
    )


def test_a_broken_record_is_named(tmp_path: Path):
    (tmp_path / "metrics.jsonl").write_text('{"kind":"start","episode":0,"goal":"x"}\nnonsense\n')
    with pytest.raises(StoreError, match=r"^line 2 of .*metrics.jsonl is not a record: .*\.$"):
        read_trace(tmp_path / "metrics.jsonl")


class Links(HTMLParser):
    """Collects what a page would load, and checks that tags are closed."""

    def __init__(self):
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href", "srcset", "action") and v]
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href") and v]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_report_is_complete_in_itself(run: Path, tmp_path: Path):
    page = write_report(tmp_path / "out" / "report.html", [load_run(run, "kept")] * 2, title="T")
    text = page.read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert links.open == []
    assert links.loads
    assert all(link.startswith("data:") for link in links.loads)
    assert not re.search(r"https?://|@import|url\(", text)
    for part in ("<svg", 'class="map"', 'class="timeline"', "Scene graph", "FloorLamp", "missed"):
        assert part in text
    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    assert pictures
    assert all(base64.b64decode(p, validate=True)[:2] == b"\xff\xd8" for p in pictures)


def test_what_a_report_shows_cannot_break_out_of_it(run: Path):
    kept = load_run(run, "</script><script>alert(1)</script>")
    nasty = StartLine(episode=0, goal="on(x)", text="</script><b onclick='x'>&")
    page = render_report(
        [ReportRun(title=kept.title, belief=kept.belief, starts=(nasty,), steps=kept.steps)],
        title="<i>",
    )
    assert "<script>alert" not in page
    assert "<b onclick" not in page
    assert "<title>&lt;i&gt;</title>" in page


def test_a_memory_alone_makes_a_report(run: Path):
    memory = Memory()
    page = render_report([run_of_memory(memory, "empty")], title="nothing")
    assert "Nothing is remembered." in page
    assert believe(memory).grid is None


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(StoreError) as caught:
        load_run(tmp_path / "x")
    assert str(caught.value).replace(str(tmp_path), "") == snapshot(
        "/x is not the folder of a run: it has no metrics.jsonl. Give a folder that `embodied-mem episode` or `demo` wrote, or a memory's store."
    )


def a_rerun_recording(path: Path) -> Path:
    rerun_recorder = pytest.importorskip(
        "embodied_mem.runtime.rerun_recorder", reason="rerun-sdk is not installed"
    )
    recorder = rerun_recorder.RerunRecorder(path)
    run_episode(
        BoxBackend(furnished_room(64)),
        agent(look_round(3), Memory()),
        goal="on(floorlamp)",
        subscribers=[recorder],
    )
    recorder.close()
    recorder.close()  # May be called twice.
    return path


def test_rerun_plays_what_was_recorded(tmp_path: Path):
    data = a_rerun_recording(tmp_path / "e.rrd").read_bytes()
    assert data[:4] == b"RRF2"
    for entity in (b"/world/camera/image", b"/world/objects", b"/floor_plan", b"/plan"):
        assert entity in data


def test_each_line_in_rerun_has_a_level_of_its_own(tmp_path: Path):
    """One without a level would be shown with that of the line before."""
    path = a_rerun_recording(tmp_path / "e.rrd")
    command = [sys.executable, "-m", "rerun", "rrd", "print", "-vvv", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = text.split("TextLog:text")
    rows = [row for part in lines[1:] for row in part.split("└")[0].splitlines() if "row_" in row]
    assert len(rows) >= 5
    assert all(re.search(r"\[(INFO|WARN)\]", row) for row in rows)
