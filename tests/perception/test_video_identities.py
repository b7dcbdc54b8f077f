"""Movers that come back are one by their looks, and two that were seen together never are."""

from pathlib import Path

import pyarrow.parquet as parquet
import pytest
import torch
from films import remember, remember_by_name
from safetensors.torch import save_file

from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Export
from embodied_mem.app.video_commands import Video, VideoRemember
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.identities import IdentityConfig, KeySpace
from embodied_mem.video.scripted import Planted, Script, write_film
from perception.appearance import ColourFeatures
from perception.timm_config import TimmFeaturesConfig
from perception.timm_features import build_network
from perception.video.identities import MoverIdentityConfig, identify_movers

RULE = MoverIdentityConfig(
    rule=IdentityConfig(spaces=(KeySpace(name="look", weight=1.0),), every=0.8, one=0.85)
)


def square(start: float, colour: str, region: str) -> Planted:
    return Planted(kind="square", start=start, stop=start + 4, colour=colour, region=region)


FIRST = Script(
    seconds=50,
    events=[
        square(5, "red", "top left"),
        square(15, "green", "bottom right"),
        square(25, "red", "bottom left"),
        square(25, "red", "top right"),
        square(38, "green", "top left"),
    ],
)
SECOND = Script(seconds=20, events=[square(8, "red", "middle")], seed=1)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "first.mp4", FIRST)
    write_film(folder / "second.mp4", SECOND)
    return folder / "first.mp4", folder / "second.mp4"


def movers(index: EventIndex) -> list[tuple[str, str]]:
    """Return colour and id of what was told of, in the order in which it came."""
    visits = index.events("kind = 'visit'")
    return [(visit.caption.split()[1], visit.things[0][0]) for visit in visits]


def test_what_looks_alike_is_one_unless_it_was_seen_together(
    films: tuple[Path, Path], tmp_path: Path
):
    with EventIndex(tmp_path / "store") as index:
        for film in films:
            remember(index, film)
        identities = identify_movers(index, ColourFeatures(), RULE)
        told = movers(index)
    assert [colour for colour, _ in told] == ["red", "green", "red", "red", "green", "red"]
    numbers = [identities[thing] for _, thing in told]
    red, green, left, right, green_again, elsewhere = numbers
    assert green_again == green
    assert red != green
    assert {left, right} >= {red}  # One of the two is the first one,
    assert left != right  # the other one is not, though it looks the same.
    assert elsewhere == red  # Across videos.


def test_a_memory_without_movers_has_no_identities(tmp_path: Path):
    with EventIndex(tmp_path / "store") as index:
        assert identify_movers(index, ColourFeatures()) == {}
        assert index.identities() == {}


def test_a_network_gives_identities_that_are_kept_and_exported(
    films: tuple[Path, Path], tmp_path: Path
):
    torch.manual_seed(0)
    weights = tmp_path / "resnet18.safetensors"
    network = build_network(TimmFeaturesConfig(model="resnet18", weights=str(weights)))
    save_file(network.state_dict(), weights)
    task = VideoRemember(
        sources=(str(films[1]),), store=str(tmp_path / "store"), rate=2.0, side=160,
        features="timm", model="resnet18", weights=str(weights),
    )  # fmt: skip
    assert execute(Video(task=task)) == 0
    with EventIndex(tmp_path / "store", read_only=True) as index:
        kept, told = index.identities(), movers(index)
    assert kept == {told[0][1]: 1}
    out = tmp_path / "out"
    assert execute(Export(store=str(tmp_path / "store"), out=str(out), formats=("parquet",))) == 0
    things = parquet.read_table(out / "parquet" / "things.parquet").to_pylist()
    assert {row["thing"]: row["identity"] for row in things if row["kind"] == "mover"} == kept


def test_the_tracker_of_the_package_gives_identities_without_other_weights(
    films: tuple[Path, Path], tmp_path: Path
):
    def remember_with(**more: object) -> int:
        task = VideoRemember(
            sources=(str(films[1]),), store=str(tmp_path / "store"), rate=2.0, side=160,
            **more,  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
        return execute(Video(task=task))

    assert remember_with() == 0
    with EventIndex(tmp_path / "store", read_only=True) as index:
        assert index.identities() == {}
        ((_, mover),) = movers(index)
    assert remember_with(identities="tracker") == 0  # The video is done; its movers are described.
    with EventIndex(tmp_path / "store", read_only=True) as index:
        assert index.identities() == {mover: 1}
    assert remember_with(identities="timm") == 2  # Without weights.


def test_things_of_two_names_are_never_one(tmp_path: Path):
    film = tmp_path / "film.mp4"
    write_film(film, Script(seconds=24, events=[
        square(5, "red", "middle"), Planted(kind="passer", start=12, stop=18),
    ]))  # fmt: skip
    everything = MoverIdentityConfig(
        rule=IdentityConfig(spaces=(KeySpace(name="look", weight=1.0),), every=-1, one=-1)
    )
    with EventIndex(tmp_path / "store") as index:
        remember_by_name(index, film)
        found = identify_movers(index, ColourFeatures(), everything)
        names = {thing.id: thing.name for thing in index.things()}
    assert sorted(names[thing] for thing in found) == ["cup", "person"]
    assert len(set(found.values())) == 2
