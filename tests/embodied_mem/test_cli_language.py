"""`embodied-mem episode --planner language`, against a model on the loopback."""

from pathlib import Path

import pytest
from llm_server import LlmServer
from rule_model import RuleModel

from embodied_mem.app.build import AgentConfig
from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Episode
from embodied_mem.config import load_config
from planners.language_config import LanguagePlannerConfig

MODEL = {"planner": "language", "llm_url": "http://h/v1", "llm_model": "m", "seed": 2, "rooms": 1}
WORDS = "let the thing that you drink tea from rest where two people may sit"


def test_an_episode_is_planned_by_a_model_and_judged_by_what_the_command_says(tmp_path: Path):
    model = RuleModel({"tea": [("on", ["mug", "sofa"])]})
    with LlmServer(model) as server:
        code = execute(
            Episode(
                goal=WORDS, seed=2, rooms=1, planner="language", llm_url=server.url,
                llm_model="rules", judge="on(mug, sofa)", out=str(tmp_path), max_steps=200,
            )
        )  # fmt: skip
    assert code == 0
    assert server.requests[0].body["model"] == "rules"
    page = (tmp_path / "report.html").read_text()
    assert "drink tea from" in page


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"goal": WORDS}, "'let'"),
        ({"planner": "language"}, "needs `--llm-url` and `--llm-model`"),
        ({"llm_url": "http://127.0.0.1:1/v1"}, "is for `--planner language`"),
        ({"judge": "happy(mug)"}, "unknown predicate happy/1"),
        (MODEL | {"llm_url": "ftp://h"}, "must begin with http://"),
        (MODEL | {"llm_key_env": "NO_KEY"}, "NO_KEY"),
    ],
)  # fmt: skip
def test_flags_that_do_not_go_together_are_one_sentence(
    capsys, tmp_path: Path, flags: dict, words: str
):
    command = Episode(**{"goal": "on(mug, sofa)", "out": str(tmp_path), **flags})
    assert execute(command) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_a_planner_is_chosen_by_its_type_in_a_file(tmp_path: Path):
    file = tmp_path / "agent.yaml"
    file.write_text("planner: {type: language, endpoint: {model: m}, memory_tokens: 500}\n")
    planner = load_config(file, AgentConfig).planner
    assert isinstance(planner, LanguagePlannerConfig)
    assert planner.memory_tokens == 500
