"""What people read of a run: hostile labels are text there, not markup and no commands."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from embodied_mem import Memory
from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Ask
from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.goals import Goal, parse_goal
from embodied_mem.interfaces import Decision
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.runtime.recorders import EpisodeWriter
from embodied_mem.runtime.report import write_report
from embodied_mem.runtime.report_run import load_run
from embodied_mem.types import DONE, PASS, Frame, Percept
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b]0;x\x07[link=http://e]"


class HostileEyes:
    """See one thing with a hostile label and state."""

    def __init__(self):
        self._see = Pipeline(OracleConfig())

    def __call__(self, frame: Frame) -> Percept:
        seen = self._see(frame)
        states = ({**seen.attributes[0], "liquid": EVIL}, *seen.attributes[1:])
        return replace(seen, labels=(EVIL, *seen.labels[1:]), attributes=states)


class HostileMind:
    """Decides with hostile words."""

    def __init__(self):
        self._left = 2

    def start(self, goal: Goal) -> None:
        """Take a goal."""

    def act(self, memory: Memory, *, succeeded: bool, message: str) -> Decision:
        self._left -= 1
        action = PASS if self._left else DONE
        return Decision(action=action, phase="act", reason=EVIL, plan=(EVIL,))


class Tags(HTMLParser):
    """Collects what a browser would take for elements."""

    def __init__(self):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    goal = Goal(parse_goal("on(mug, sofa)").atoms, EVIL)
    with (
        HouseholdSim(house=generate_house(2, GeneratorConfig(rooms=1))) as sim,
        Memory.open(folder / "memory") as memory,
    ):
        writer = EpisodeWriter(folder)
        agent = Agent(perceive=HostileEyes(), memory=memory, planner=HostileMind())
        run_episode(sim, agent, goal=goal, subscribers=[writer])
        writer.close()
    return folder


def test_a_label_is_no_markup_in_a_report(run: Path):
    page = write_report(run / "report.html", [load_run(run)], title=EVIL).read_text()
    tags = Tags()
    tags.feed(page)
    scripts = [attributes.get("type") for name, attributes in tags.found if name == "script"]
    assert "alert(1)" in page, "the words are shown"
    assert scripts == ["application/json", None]
    assert not any("onerror" in attributes for _, attributes in tags.found)
    assert "x" not in [a.get("src") for name, a in tags.found if name == "img"]


def test_a_label_is_no_command_to_a_terminal(run: Path, capsys: pytest.CaptureFixture[str]):
    assert execute(Ask(store=str(run))) == 0
    assert execute(Ask(store=str(run), at=1e9)) == 0
    told = capsys.readouterr().out
    assert "alert(1)" in told
    assert "\x1b]0" not in told
    assert "\x07" not in told
    assert "[link=" in told, "shown, not followed"
