"""What the page on detectors tells users to write can be written."""

import re
from pathlib import Path

import pytest

import perception
from embodied_mem.app.build import AgentConfig
from embodied_mem.config import Config, load_config

PAGE = (Path(__file__).parents[2] / "docs" / "perception_detectors.md").read_text()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_file_on_the_page_is_an_agent(text: str, tmp_path: Path):
    (tmp_path / "agent.yaml").write_text(text)
    config = load_config(tmp_path / "agent.yaml", AgentConfig)
    assert config != AgentConfig()


@pytest.mark.parametrize("text", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_every_program_on_the_page_makes_a_config_that_exists(
    text: str, monkeypatch: pytest.MonkeyPatch
):
    made: list[object] = []
    monkeypatch.setattr(perception, "Pipeline", lambda *configs: made.extend(configs) or list)
    exec(compile(text, "page", "exec"), {"frame": ()})
    assert made
    assert all(isinstance(config, Config) for config in made)
