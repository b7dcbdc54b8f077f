"""The page about videos in a real browser: it loads, finds a planted event, and jumps to it."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import Browser, find_browser
from films import remember, write_minute

from embodied_mem.app.commands import View
from embodied_mem.app.view import view
from embodied_mem.memory.events.index import Batch, EventIndex
from embodied_mem.memory.events.records import EventRow

BROWSER = find_browser()
ITEMS = "[...document.querySelectorAll('.results li')]"
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    with EventIndex(folder / "store") as index:
        remember(index, write_minute(folder / "minute.mp4"))
        hostile = (
            "<img src=x onerror='window.broken = 1'></script><script>window.broken = 1</script>"
        )
        event = EventRow(video=1, level="moment", kind="came", start=55.0, stop=55.0, first=0,
                         last=0, caption=hostile)  # fmt: skip
        index.add(1, Batch(events=[event], seconds=60.0))
    view(View(folder=str(folder / "store"), out=str(folder / "page.html")))
    return folder / "page.html"


@pytest.fixture
def browser(page: Path):
    assert BROWSER is not None
    with Browser(BROWSER) as opened:
        opened.open(page)
        yield opened


def test_it_loads_without_an_error_and_asks_no_network(browser: Browser):
    assert browser.run("document.querySelectorAll('section.video').length") == 1
    browser.wait("document.querySelector('.viewer img').naturalWidth > 0")
    assert "events" in browser.run("document.querySelector('.found').textContent")
    assert browser.complaints == []


def test_a_planted_event_is_found_and_a_click_jumps_to_it(browser: Browser):
    browser.write("#search", "red app")  # Every event `appeared`, which ends with `red`.
    browser.wait(f"{ITEMS}.length === 3")
    told = browser.run(f"{ITEMS}.map((item) => item.textContent)")
    assert all("red appeared" in text for text in told)
    (place,) = [place for place, text in enumerate(told, 1) if " s to " not in text]
    assert "top left" in told[place - 1]
    assert 24 < float(told[place - 1].split(" s")[0]) < 26.5
    item = f".results li:nth-child({place})"
    browser.click(item)
    browser.wait(f"document.querySelector('{item}').classList.contains('chosen')")
    assert "red appeared" in browser.run("document.querySelector('.viewer figcaption').textContent")
    assert browser.run("document.querySelectorAll('[data-event].chosen').length") == 1
    assert browser.run("location.hash").startswith("#e")
    browser.wait("document.querySelector('.viewer img').complete")
    shown = browser.run("document.querySelector('.viewer img').src").split(",")[1]
    data = np.frombuffer(base64.b64decode(shown), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture is not None
    blue, green, red = picture.reshape(-1, 3).astype(int).T
    assert np.sum((red > 150) & (green < 90) & (blue < 90)) > 50  # The red square is in it.
    assert browser.complaints == []


def test_a_click_on_the_timeline_shows_the_event(browser: Browser):
    browser.click("button.mark-visit")
    text = browser.run("document.querySelector('.viewer figcaption').textContent")
    assert "passed through the picture" in text
    assert browser.complaints == []


def test_words_of_a_video_run_nothing(browser: Browser):
    browser.write("#search", "onerror")
    browser.wait("document.querySelectorAll('.results li').length === 1")
    browser.click(".results li")
    assert browser.run("typeof window.broken") == "undefined"
    assert browser.run("document.querySelectorAll('.results img').length") == 0


def test_what_nobody_told_is_not_found(browser: Browser):
    browser.write("#search", "elephant")
    browser.wait("document.querySelectorAll('.results li').length === 0")
    assert browser.run("document.querySelector('.found').textContent").startswith("0 of")
