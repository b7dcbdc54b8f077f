"""Models at an endpoint, at the terminal: one describes segments, one reads questions."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import write_minute
from llm_server import LlmServer, Reply, Request

from embodied_mem.app.ask import ask
from embodied_mem.app.commands import Ask
from embodied_mem.app.console import console
from embodied_mem.app.video_commands import VideoRemember
from embodied_mem.app.video_remember import remember_videos
from embodied_mem.errors import ConfigError
from embodied_mem.memory.events.index import EventIndex


def remembered(folder: Path, server: LlmServer, **more) -> tuple[str, str]:
    """Take the film in, and return the store and what was printed."""
    film, store = folder / "minute.mp4", str(folder / "store")
    if not film.exists():
        write_minute(film)
    with console.capture() as capture:
        command = VideoRemember(sources=(str(film),), store=store, rate=4, side=160,
                                llm_url=server.url, llm_model="eyes", **more)  # fmt: skip
        assert remember_videos(command) == 0
    return store, capture.get()


def asked(store: str, label: str, **more) -> str:
    with console.capture() as capture:
        assert ask(Ask(store=store, label=label, look_again=0, **more)) == 0
    return capture.get()


def sees(request: Request) -> str:
    """Answer as a model that sees a red sofa where there is much red in one of the pictures."""
    (_, turn) = request.body["messages"]
    red = False
    for part in turn["content"]:
        if part["type"] == "image_url":
            data = base64.b64decode(
                part["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
            )
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            blue, green, strong = picture.reshape(-1, 3).astype(int).T
            red |= bool(np.sum((strong > 150) & (green < 90) & (blue < 90)) > 50)
    return json.dumps({"caption": "A sofa stands here." if red else "An empty\nroom.\u202e"})


def test_what_a_model_sees_can_be_asked_for_and_is_asked_of_it_once(tmp_path: Path):
    with LlmServer(sees) as server:
        store, _ = remembered(tmp_path, server)
        segments = len(server.requests)
        assert "from 25." in asked(store, "when was there a sofa?")
        assert "not seen" in asked(store, "when was there a zebra?")
        remembered(tmp_path, server)
        assert len(server.requests) == segments
    with EventIndex(store, read_only=True) as index:
        captions = [event.caption for event in index.events("level = 'segment'")]
    assert len(captions) == segments
    assert captions[0] == "Nothing moved. An empty room."


@pytest.mark.parametrize(
    ("reply", "requests"),
    [
        (Reply(status=400, body=b"no such model"), 2),  # Once with structured output, once without.
        ("I see nothing.", 3),
        (json.dumps({"caption": "\u200b"}), 3),
        (json.dumps({"caption": "x" * 5000}), 3),
    ],
)
def test_where_the_model_fails_what_is_known_stays(
    tmp_path: Path, reply: Reply | str, requests: int
):
    with LlmServer([reply]) as server:
        store, told = remembered(tmp_path, server)
        assert "stay without a model's words" in told
        assert len(server.requests) == requests
    with LlmServer(sees) as server:
        _, told = remembered(tmp_path, server)  # The same command goes on.
        assert "stay without" not in told
    assert "from 25." in asked(store, "when was there a sofa?")


def test_a_question_is_read_by_a_model_and_by_rules_where_it_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with LlmServer(sees) as server:
        store, _ = remembered(tmp_path, server)
    filters = {"wanted": "count", "kinds": [], "after": -1, "before": -1, "order": "any",
               "row": "any", "column": "any", "middle": False, "colours": ["black"],
               "about": "moving", "people": True, "nouns": []}  # fmt: skip
    with LlmServer([json.dumps(filters), Reply(status=404, body=b"gone")]) as server:
        model = {"llm_url": server.url, "llm_model": "reads"}
        assert asked(store, "wie viele Leute in Schwarz kamen?", **model).startswith("2 visits")
        assert asked(store, "how many times did something black appear?", **model).startswith("2 ")
        assert "Rules read the question" in capsys.readouterr().err


def test_half_an_endpoint_is_refused_before_anything_is_done(tmp_path: Path):
    with pytest.raises(ConfigError, match="needs `--llm-url` and `--llm-model`"):
        remember_videos(VideoRemember(sources=("a.mp4",), store=str(tmp_path / "s"), llm_model="m"))
    assert not (tmp_path / "s").exists()
