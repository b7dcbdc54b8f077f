"""Real clips, where they lie beside the checkout: visits, boundaries, a hidden cube, identities."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
CLIPS, TRACKS = DATA / "videos", DATA / "video_tracks"


def benchmark(name: str) -> ModuleType:
    """Load a benchmark, which is no package."""
    spec = spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not CLIPS.is_dir(), reason=f"there are no clips at {CLIPS}")
def test_six_people_are_counted_and_their_coming_and_going_found(tmp_path: Path):
    clips = benchmark("video_events")
    (clip,) = CLIPS.glob("persons_139s*.mp4")
    counted, f1 = clips.measure_persons(clip, tmp_path, 2.0)
    assert counted == 6
    assert f1 >= 0.8


@pytest.mark.skipif(not CLIPS.is_dir(), reason=f"there are no clips at {CLIPS}")
def test_the_cube_is_said_to_be_under_what_was_put_over_it(tmp_path: Path):
    clips = benchmark("video_events")
    (clip,) = CLIPS.glob("robot_guess_where*.mp4")
    reply = clips.measure_robot(clip, tmp_path, 4.0)
    assert "hidden" in reply.sentence
    assert "under or behind the brown thing" in reply.sentence
    assert reply.answers[0].start == pytest.approx(clips.HIDDEN, abs=2.0)
    assert "seen again at 17." in reply.sentence


@pytest.mark.skipif(not TRACKS.is_dir(), reason=f"there are no tracks at {TRACKS}")
@pytest.mark.parametrize("name", ["boats", "kitchen", "painting"])
def test_published_tracks_get_the_published_identities(name: str):
    reidentify = benchmark("reidentify")
    with np.load(TRACKS / f"{name}.npz", allow_pickle=False) as file:
        assert reidentify.measure(name, {key: file[key] for key in file.files}) == 1.0
