"""The command line: its help, its sentences, its exit codes."""
# ruff: noqa: E501 - help stands as it is printed.

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Ask, Convert, Doctor, Episode, Suite, View
from embodied_mem.memory import Memory
from embodied_mem.memory.scene_graph import Node
from embodied_mem.memory.spark_dsg_json import from_spark_dsg

ROOT = Path(__file__).parents[2]


def embodied_mem(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "embodied_mem", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
    )


def test_help_names_every_command():
    done = embodied_mem("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout == snapshot("""\
usage: embodied-mem [-h] {demo,episode,suite,video,ask,name,view,sql,mcp,thor-server,convert,export,weights,train,eval,doctor}

Memory for robots and long videos: perceive, remember, plan, act. As a robot's node, on bags, DDS and ROS 2: `embodied-mem ros --help`.

╭─ options ────────────────────────────────────────────────────────────────────╮
│ -h, --help       show this help message and exit                             │
╰──────────────────────────────────────────────────────────────────────────────╯
╭─ subcommands ────────────────────────────────────────────────────────────────╮
│ (required)                                                                   │
│   • demo         Three household tasks in a row, with memory and with memory │
│                  cleared in between.                                         │
│   • episode      One task in one house.                                      │
│   • suite        Many houses, several tasks in each; resumable, with one     │
│                  table at the end.                                           │
│   • video        Take videos into a memory (`remember`, or `video IN...      │
│                  --store DIR`), `track`, `score`.                            │
│   • ask          Ask a stored memory where something is, what it holds, or   │
│                  what happened in its videos.                                │
│   • name         Say what an object of a stored memory is called, or list    │
│                  what was said.                                              │
│   • view         Write the HTML report of a run or of a stored memory.       │
│   • sql          Ask a stored memory in SQL: one SELECT, read only, over     │
│                  views that stay.                                            │
│   • mcp          Serve a stored memory to language models, read only, by the │
│                  Model Context Protocol.                                     │
│   • thor-server  Serve the simulator to an AI2-THOR client: `thor-server     │
│                  --help` tells its own flags.                                │
│   • convert      Take in a recording; or write houses in ProcTHOR's schema,  │
│                  or a memory for Spark-DSG.                                  │
│   • export       Write what a store remembers for other tools.               │
│   • weights      Fetch published weights of detectors, or list them and say  │
│                  which are here.                                             │
│   • train        Train the segmenter, the tracker of objects in videos, or a │
│                  policy that remembers.                                      │
│   • eval         Measure a trained policy in MIKASA-Robo, with the           │
│                  benchmark's seeds; needs the simulator.                     │
│   • doctor       Look whether everything works here: versions, extras, one   │
│                  rendered frame.                                             │
╰──────────────────────────────────────────────────────────────────────────────╯
""")


def test_a_misspelt_flag_is_refused_with_a_hint():
    done = embodied_mem("suite", "--task", "3")
    assert done.returncode == 2
    assert "--tasks" in done.stderr


@pytest.fixture(name="said")
def what_is_said(capsys):
    """Return a function that runs a command here and gives its exit code and stderr."""

    def run(command) -> tuple[int, str]:
        code = execute(command)
        return code, capsys.readouterr().err

    return run


def test_mistakes_are_one_sentence_each(said, tmp_path: Path):
    bad = tmp_path / "bad.json"
    bad.write_text('{"rooms": 3}')
    (folder := tmp_path / "r").mkdir()
    empty = tmp_path / "empty.jsonl.gz"
    empty.write_bytes(gzip.compress(b""))
    told = {}
    elsewhere = {
        "goal",
        "predicate",
        "unknown thing",
        "not a house",
        "not a store",
    }  # Pinned there.
    for name, command in {
        "no house file": Episode(goal="on(floorlamp)", house=str(tmp_path / "none.json")),
        "not a house": Episode(goal="on(floorlamp)", house=str(bad)),
        "no such house": Episode(goal="on(floorlamp)", house=f"{empty}:3"),
        "goal": Episode(goal="make me happy"),
        "predicate": Episode(goal="happy(mug)"),
        "unknown thing": Episode(goal="put the gizmo on the table"),
        "sim": Episode(goal="on(floorlamp)", sim="household/castle"),
        "agent": Episode(goal="on(floorlamp)", agent=str(bad)),
        "no store": Ask(store=str(tmp_path / "nowhere"), label="mug"),
        "not a store": Ask(store=str(tmp_path), label="mug"),
        "no run": View(folder=str(tmp_path / "nowhere")),
        "houses twice": Suite(houses="a.json", generated=3),
        "no houses": Suite(),
        "houses missing": Suite(houses=str(tmp_path / "none.json"), out=str(tmp_path / "o")),
        "results into a folder": Suite(generated=1, json=str(folder), out=str(tmp_path / "o")),
        "no houses asked": Convert(out=str(tmp_path / "h.json"), generated=0),
    }.items():
        code, words = said(command)
        assert code == 2, name
        assert words.count("\n") == 1, words
        if name not in elsewhere:
            told[name] = words.replace(str(tmp_path), "").strip()
    assert told == snapshot(
        {
            "no house file": "embodied-mem: there is no house file /none.json.",
            "no such house": "embodied-mem: /empty.jsonl.gz has no house number 3 (counted from 0).",
            "sim": "embodied-mem: there is no config file 'household/castle', nor a shipped one of that name. Shipped are for example household/demo_house and household/kitchen.",
            "agent": "embodied-mem: config /bad.json is not a AgentConfig: Object contains unknown field `rooms`.",
            "no store": "embodied-mem: there is no folder /nowhere. Give a memory's store, or a run's folder.",
            "no run": "embodied-mem: there is no folder /nowhere. Give the folder of a run or of a memory.",
            "houses twice": "embodied-mem: say which houses: either `--houses FILE` or `--generated N`, and not both.",
            "no houses": "embodied-mem: say which houses: either `--houses FILE` or `--generated N`, and not both.",
            "houses missing": "embodied-mem: there is no house file /none.json.",
            "results into a folder": "embodied-mem: cannot write /r: Is a directory.",
            "no houses asked": "embodied-mem: at least one house must be generated, got 0.",
        }
    )


def test_generated_houses_can_be_written_and_acted_in(said, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said(Convert(out="h.jsonl.gz", generated=2, seed=5, rooms=1)) == (0, "")
    code, words = said(
        Episode(goal="sliced(apple) and cold(apple)", house="h.jsonl.gz:1", max_steps=4, out="run")
    )
    assert (code, words) == (1, "")
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.yaml", "metrics.jsonl", "belief.json", "memory", "report.html"} <= left
    assert said(View(folder="run", out="again.html")) == (0, "")
    assert said(View(folder="run/memory", out="memory.html")) == (0, "")
    assert said(Ask(store="run")) == (0, "")
    assert said(Ask(store="run", label="gizmo"))[0] == 2
    for name in ("again.html", "memory.html"):
        assert "<svg" in (tmp_path / name).read_text()


def test_an_interrupted_command_says_so_and_ends_with_130(said, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("embodied_mem.app.doctor.examine", interrupt)
    assert said(Doctor()) == (
        130,
        snapshot("embodied-mem: interrupted; what was written so far is kept.\n"),
    )


def test_the_doctor_finds_everything_in_order(said, capsys):
    assert execute(Doctor()) == 0
    assert "ok one house" in capsys.readouterr().out


def test_a_memory_becomes_a_spark_dsg_file(tmp_path: Path):
    memory = Memory()
    memory.graph.put(Node(id="building_1", kind="building"))
    memory.save(tmp_path / "copy")
    target = tmp_path / "graph.json"
    assert execute(Convert(out=str(target), memory=str(tmp_path / "copy"))) == 0
    assert [n.id for n in from_spark_dsg(target.read_bytes()).nodes()] == ["building_1"]
    assert execute(Convert(out="graph.txt", memory=str(tmp_path / "copy"))) == 2
    assert execute(Convert(out=str(target), memory=str(tmp_path / "nothing"))) == 2
