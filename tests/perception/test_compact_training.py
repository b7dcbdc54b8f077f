"""The compact tracker: its films, its objective, its training, and what it is for."""
# ruff: noqa: E501 - messages stand as they are.

import math
import os
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from film_clips import colour, square_film
from inline_snapshot import snapshot
from PIL import Image
from safetensors.torch import load_file, save_file

from embodied_mem.app import video_track
from embodied_mem.app.cli import USER_ERROR, execute
from embodied_mem.app.train_commands import Train, TrainTracker
from embodied_mem.app.video_commands import Video, VideoTrack
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.errors import ConfigError, StoreError, StoreFormatError
from embodied_mem.runtime.mask_scoring import region_similarity
from embodied_mem.runtime.optimisation import rise_and_fall
from embodied_mem.types import Action, Frame
from perception.compact.batches import BatchMaker
from perception.compact.choices import PASTED, choose
from perception.compact.clips import clip_path, read_clips
from perception.compact.film_bank import FilmBank
from perception.compact.films_config import FilmsConfig
from perception.compact.generation import film_house, generate_clips
from perception.compact.network import CompactConfig, CompactXMem
from perception.compact.objective import (
    affinity,
    bootstrapped_entropy,
    dice_loss,
    follow_clips,
    full_logits,
    labels_of,
)
from perception.compact.sampling_config import SamplingConfig
from perception.compact.training import (
    RunConfig,
    TrainingConfig,
    hardest_share,
    train,
)
from perception.compact.validation import choose_targets
from perception.compact.weights import FORMAT, SHIPPED
from perception.xmem.images import normalise
from perception.xmem.loading import load_network
from perception.xmem.network import likeliest, probabilities
from perception.xmem.tracker import ObjectTracker

CPU = torch.device("cpu")
SMALL = FilmsConfig(clips=1, frames=3, width=64, height=48)
NARROW = CompactConfig(
    stem=8, image=(8, 12, 16), blocks=(1, 1, 1), mask=(8, 8, 16), key=8, value=16, hidden=8,
    decoder=(16, 8, 8),
)  # fmt: skip
TINY = TrainingConfig(
    steps=4,
    precision="float32",
    network=NARROW,
    sampling=SamplingConfig(crop=32, frames=(2, 4), load=8, zoom=(0.5, 0.9)),
)
OFTEN = RunConfig(log_every=1, checkpoint_seconds=1e9, validations=1)


def films() -> list:
    return [square_film(seed) for seed in range(3)]


def run(out: Path, *, stop: int | None = None, config: TrainingConfig = TINY) -> None:
    """Train in a folder; press Ctrl-C in step `stop`."""
    torch.set_num_threads(1)
    for step, _ in train(out, films(), films()[:1], config, OFTEN):
        if step == stop:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module", name="trained")
def a_finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    run(out)
    return out


# -- the objective ---------------------------------------------------------------------------------


def test_affinity_is_a_softmax_of_the_papers_similarity():
    random = torch.Generator().manual_seed(0)
    b, c, p, q = 2, 3, 5, 4
    key, query = torch.randn(b, c, p, generator=random), torch.randn(b, c, q, generator=random)
    shrinkage = 1 + torch.rand(b, p, generator=random)
    selection = torch.rand(b, c, q, generator=random)
    found = affinity(key, shrinkage, query, selection)
    for i in range(b):
        for j in range(q):
            near = [
                -float(shrinkage[i, m]) / math.sqrt(c)
                * sum(
                    float(selection[i, d, j]) * (float(key[i, d, m]) - float(query[i, d, j])) ** 2
                    for d in range(c)
                )
                for m in range(p)
            ]  # fmt: skip
            powers = [math.exp(value) for value in near]
            expected = torch.tensor([power / sum(powers) for power in powers])
            torch.testing.assert_close(found[i, :, j], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hardest", [1.0, 0.3])
def test_bootstrapped_entropy_is_the_mean_over_the_hardest_pixels(hardest: float):
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 4, 5, generator=random)
    labels = torch.randint(3, (2, 4, 5), generator=random)
    means = []
    for image in range(2):
        each = []
        for y in range(4):
            for x in range(5):
                powers = [math.exp(float(logits[image, m, y, x])) for m in range(3)]
                each.append(-math.log(powers[int(labels[image, y, x])] / sum(powers)))
        each.sort(reverse=True)
        kept = each[: int(hardest * len(each))]
        means.append(sum(kept) / len(kept))
    found = bootstrapped_entropy(logits, labels, hardest)
    assert found.item() == pytest.approx(sum(means) / 2, rel=1e-5)


def test_dice_loss_is_its_formula():
    random = torch.Generator().manual_seed(2)
    found = torch.rand(2, 2, 3, 4, generator=random)
    truth = (torch.rand(2, 2, 3, 4, generator=random) > 0.5).float()
    each = []
    for image in range(2):
        for n in range(2):
            pairs = zip(found[image, n].flatten(), truth[image, n].flatten(), strict=True)
            both = sum(float(a * b) for a, b in pairs)
            either = float(found[image, n].double().sum() + truth[image, n].double().sum())
            each.append(1 - (2 * both + 1) / (either + 1))
    assert dice_loss(found, truth).item() == pytest.approx(sum(each) / 4, rel=1e-5)


def test_logits_are_those_of_the_trackers_aggregation():
    logits = 6 * torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(3))
    expected = probabilities(logits)
    torch.testing.assert_close(full_logits(logits).softmax(dim=1), expected, rtol=1e-3, atol=1e-5)
    extreme = torch.tensor([-200.0, 0.0, 200.0]).repeat(2, 1)[None, :, None].requires_grad_()
    full_logits(extreme).softmax(dim=1).square().sum().backward()
    assert extreme.grad is not None
    assert extreme.grad.isfinite().all()


def test_labels_are_the_channels_of_the_masks():
    masks = torch.zeros(1, 2, 2, 2)
    masks[0, 0, 0, 0] = masks[0, 1, 1, 1] = 1
    assert labels_of(masks).tolist() == [[[1, 0], [0, 2]]]


def test_training_follows_as_the_tracker_does():
    """One remembered frame, then one found: the same masks, as few memories need no top-k."""
    torch.manual_seed(0)
    network = CompactXMem(NARROW).eval()
    clip = square_film(5)
    given = clip.ids[0].astype(np.int32) * (clip.ids[0] < 3)
    tracker = ObjectTracker(network)
    tracker.step(clip.rgb[0], given)
    expected = tracker.step(clip.rgb[1]).probabilities
    images = torch.stack([normalise(f, dtype=torch.float32, device=CPU) for f in clip.rgb[:2]])
    first = torch.stack([torch.from_numpy(given == n) for n in (1, 2)]).float()
    with torch.inference_mode():
        found = follow_clips(network, images[None], first[None], ())[0].softmax(dim=1)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_schedule_rises_falls_and_hardens():
    rates = [rise_and_fall(done, 0.1, least=0.01) for done in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1)
    assert rates.index(max(rates)) == 10
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0)
    hard = [hardest_share(done, TINY) for done in np.linspace(0, 1, 101)]
    assert hard[0] == 1
    assert hard == sorted(hard, reverse=True)
    assert hard[-1] == pytest.approx(TINY.hardest)


# -- films and batches -----------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_films_and_files_keep_them(tmp_path: Path):
    (clip,), (again,) = film_house(7, SMALL), film_house(7, SMALL)
    np.testing.assert_array_equal(clip.rgb, again.rgb)
    np.testing.assert_array_equal(clip.ids, again.ids)
    assert list(generate_clips(tmp_path, [7], SMALL)) == [7]
    assert list(generate_clips(tmp_path, [7], SMALL)) == []
    (kept,) = read_clips(clip_path(tmp_path, 7))
    np.testing.assert_array_equal(kept.ids, clip.ids)
    assert np.abs(kept.rgb.astype(float) - clip.rgb).mean() < 8


def test_files_that_hold_no_films_are_refused(tmp_path: Path):
    with pytest.raises(StoreError, match="cannot read films"):
        list(read_clips(tmp_path / "none.safetensors"))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"nothing")
    with pytest.raises(StoreFormatError, match="damaged"):
        list(read_clips(damaged))


def test_what_is_measured_of_the_films_is_so():
    clip = square_film(0)
    bank = FilmBank.of([clip, square_film(1)], CPU)
    assert bank.starts.tolist() == [0, 8]
    assert bank.areas.sum(axis=1) == pytest.approx(np.ones(16))
    y, x = np.nonzero(clip.ids[3] == 2)
    expected = (
        2 * x.mean() / (clip.ids.shape[2] - 1) - 1,
        2 * y.mean() / (clip.ids.shape[1] - 1) - 1,
    )
    assert bank.centres[3, 2] == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ConfigError, match="films to train on must be there"):
        FilmBank.of([], CPU)


def test_masks_of_a_batch_show_the_things_that_the_pictures_show():
    """Colour tells the id, also of what is moved, mirrored and laid over."""
    bank = FilmBank.of(films(), CPU)
    config = msgspec.structs.replace(TINY.sampling, crop=64, load=16, still=0.5)
    maker = BatchMaker(bank, config)
    choice = choose(bank, config, 1.0, np.random.default_rng(3))
    rgb, ids = maker._film(choice.frames, choice.placement, outside="reflection")
    assert any((layer.ids < 256).any() for layer in choice.layers)
    for layer in choice.layers:
        for row in np.flatnonzero(layer.ids < 256):
            single = [row]
            cut = np.repeat(layer.frames[single, None], 4, axis=1)
            new, numbers = maker._film(cut, layer.placement[single], outside="zeros")
            part = new.permute(0, 2, 3, 1)[numbers == int(layer.ids[row])]
            expected = torch.tensor(colour(int(layer.ids[row]))) / 255
            if len(part):
                assert (part - expected).abs().amax(dim=1).median() < 0.02
    shown = rgb.permute(0, 2, 3, 1)
    for number in range(1, 5):
        part = shown[ids == number]
        if len(part) > 50:
            assert (part - torch.tensor(colour(number)) / 255).abs().amax(dim=1).median() < 0.02


def test_batches_depend_on_chance_alone_and_masks_never_overlap():
    maker = BatchMaker(FilmBank.of(films(), CPU), TINY.sampling)
    for step in range(4):
        one, two = maker.draw(step / 4, (0, step)), maker.draw(step / 4, (0, step))
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.masks, two.masks)
        assert one.remembered == two.remembered
        assert one.masks.sum(dim=2).max() <= 1
        assert one.images.isfinite().all()
        gone = ~one.masks[:, 0].flatten(2).any(dim=2)
        assert not one.masks.any(dim=1).flatten(2).any(dim=2)[gone].any()
    assert not torch.equal(maker.draw(0.0, (0, 0)).images, maker.draw(0.0, (0, 1)).images)
    assert PASTED > 255


def test_targets_are_of_fitting_sizes():
    ids = np.zeros((100, 100), np.uint8)
    ids[:80, :80], ids[90:, :50], ids[85:88, :20], ids[99, 99] = 1, 2, 3, 4
    assert choose_targets(ids, 3) == [2, 3]


# -- training and weights --------------------------------------------------------------------------


def test_an_interrupted_run_ends_with_the_same_weights(trained: Path, tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop=2)
    run(tmp_path)
    expected = load_file(trained / "tracker.safetensors")
    found = load_file(tmp_path / "tracker.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0, msg=name)
    rows = [msgspec.json.decode(line) for line in (tmp_path / "curve.jsonl").open("rb")]
    assert [row["step"] for row in rows if "total" in row] == [1, 2, 3, 4]
    assert "region" in rows[-1]


def test_a_run_goes_on_with_its_own_settings_only(trained: Path, tmp_path: Path):
    (tmp_path / "checkpoint.safetensors").write_bytes(
        (trained / "checkpoint.safetensors").read_bytes()
    )
    with pytest.raises(ConfigError, match="begun with other settings"):
        run(tmp_path, config=msgspec.structs.replace(TINY, learning_rate=0.5))


def test_a_run_ends_when_its_time_is_over(tmp_path: Path):
    config = msgspec.structs.replace(TINY, steps=10**6, minutes=0.002)
    run(tmp_path, config=config)
    assert (tmp_path / "tracker.safetensors").exists()


def test_weights_load_as_any_trackers_and_folding_changes_nothing(trained: Path):
    network = load_network(trained / "tracker.safetensors")
    assert isinstance(network, CompactXMem)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    plain = CompactXMem(network.config)
    state = load_file(trained / "tracker.safetensors")
    plain.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    image = torch.randn(1, 3, 64, 80, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(
            network.encode_key(image).key, plain.eval().encode_key(image).key, rtol=1e-4, atol=1e-4
        )


def test_a_damaged_card_is_told(trained: Path, tmp_path: Path):
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"format": FORMAT.name, "card": "{}"})
    with pytest.raises(StoreFormatError, match="do not fit the network"):
        load_network(path)


def test_held_out_houses_are_not_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    task = TrainTracker(data=str(tmp_path), out=str(tmp_path), first=10)
    assert execute(Train(task=task)) == USER_ERROR
    assert capsys.readouterr().err == snapshot(
        "embodied-mem: seeds to train on must begin at 904 or later: those below 100 are held out, and those from 900 on are measured on; got 10.\n"
    )


def test_shipped_weights_follow_things_as_the_camera_turns():
    source = HouseholdSimConfig(house=HouseSource(seed=3), width=320, height=240)
    tracker = ObjectTracker(load_network(SHIPPED))
    overlaps = []
    with HouseholdSim(source) as sim:
        step = sim.reset()
        first = largest_things(step.frame, count=3)
        for turn in range(8):
            assert step.frame.truth is not None
            truth = step.frame.truth.ids
            asked = np.where(np.isin(truth, first), truth, 0) if turn == 0 else None
            found = tracker.step(step.frame.rgb, asked).ids
            overlaps += [
                region_similarity(found == name, truth == name)
                for name in first
                if turn and (truth == name).sum() > 400
            ]
            step = sim.step(Action(name="RotateRight", arguments={"degrees": 5}))
    assert len(overlaps) >= 7
    assert np.mean(overlaps) > 0.8


def largest_things(frame: Frame, count: int) -> list[int]:
    """Return the numbers of those instances that have most pixels."""
    assert frame.truth is not None
    areas = {n: int((frame.truth.ids == n).sum()) for n in frame.truth.instances}
    return sorted(areas, key=lambda n: -areas[n])[:count]


def test_without_weights_the_tracker_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(video_track, "SHIPPED", tmp_path / "none.safetensors")
    film = tmp_path / "film"
    film.mkdir()
    Image.fromarray(square_film(0).rgb[0]).save(film / "00000.png")
    Image.fromarray(square_film(0).ids[0]).save(tmp_path / "first.png")
    task = VideoTrack(
        source=str(film), out=str(tmp_path / "out"), masks=str(tmp_path / "first.png")
    )
    assert execute(Video(task=task)) == USER_ERROR
    assert "no weights of a tracker come with this package" in capsys.readouterr().err


def test_likeliest_is_argmax_the_first_of_equals():
    odds = torch.randint(0, 3, (4, 20, 20), generator=torch.Generator().manual_seed(0)).float()
    np.testing.assert_array_equal(likeliest(odds).numpy(), odds.numpy().argmax(axis=0))


def test_the_whole_network_is_small():
    assert sum(p.numel() for p in CompactXMem().parameters()) < 7.5e6
