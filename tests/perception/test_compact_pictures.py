"""A user's own pictures as clips to train the tracker on."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from embodied_mem.errors import ConfigError, FrameError
from perception.compact.batches import BatchMaker
from perception.compact.choices import ABSENT, choose
from perception.compact.film_bank import FilmBank
from perception.compact.pictures import read_pictures
from perception.compact.sampling_config import SamplingConfig

CPU = torch.device("cpu")


def write_picture(folder: Path, name: str, *, height: int = 90, width: int = 120, ids=(7, 300)):
    """Write noise with a disk for each id, as NAME.jpg and a 16-bit NAME.png."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(len(name))
    picture = random.integers(0, 256, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.uint16)
    for place, number in enumerate(ids):
        at = (width * (place + 1) // (len(ids) + 1), height // 2)
        cv2.circle(mask, at, height // 5, int(number), cv2.FILLED)
        picture[mask == number] = (40 + 90 * place, 200, 30)
    cv2.imwrite(str(folder / f"{name}.jpg"), picture)
    Image.fromarray(mask).save(folder / f"{name}.png")


def test_pictures_of_any_size_become_films_of_one_frame(tmp_path: Path):
    write_picture(tmp_path, "tall", height=200, width=100)
    write_picture(tmp_path, "wide", height=60, width=200, ids=(5,))
    tall, wide = read_pictures(tmp_path, 64, 48)
    for clip, count in ((tall, 2), (wide, 1)):
        assert clip.rgb.shape == (1, 48, 64, 3)
        assert np.unique(clip.ids).tolist() == list(range(count + 1))
    green = tall.rgb[0].astype(int)[..., 1]
    assert green[tall.ids[0] > 0].mean() > 150, "masks lie where the disks are"


def test_clips_of_still_pictures_follow_their_things(tmp_path: Path):
    for name in ("a", "bb", "ccc"):
        write_picture(tmp_path, name)
    config = SamplingConfig(crop=32, frames=(2, 4), load=8)
    bank = FilmBank.of(read_pictures(tmp_path, 64, 48), CPU)
    choice = choose(bank, config, 1.0, np.random.default_rng(1))
    assert (choice.frames == choice.frames[:, :1]).all(), "one frame, moved about"
    assert (choice.objects[:, 0] != ABSENT).all()
    batch = BatchMaker(bank, config).draw(1.0, (0, 1))
    assert batch.masks[:, 0].flatten(1).any(dim=1).float().mean() > 0.7, "clips show their things"
    assert not torch.equal(batch.images[:, 0], batch.images[:, -1]), "pictures are moved about"


def test_pictures_that_cannot_be_used_are_one_sentence(tmp_path: Path):
    with pytest.raises(ConfigError, match="there are no pictures"):
        read_pictures(tmp_path, 64, 48)
    write_picture(tmp_path / "lone", "one")
    (tmp_path / "lone/one.png").unlink()
    with pytest.raises(ConfigError, match=r"has no masks: put them beside it as one\.png"):
        read_pictures(tmp_path / "lone", 64, 48)
    write_picture(tmp_path / "size", "one")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "size/one.png")
    with pytest.raises(ConfigError, match="must be as large as its picture"):
        read_pictures(tmp_path / "size", 64, 48)
    write_picture(tmp_path / "broken", "one")
    (tmp_path / "broken/one.jpg").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match="cannot be read as a picture"):
        read_pictures(tmp_path / "broken", 64, 48)
    write_picture(tmp_path / "colour", "one")
    Image.fromarray(np.zeros((90, 120, 3), np.uint8)).save(tmp_path / "colour/one.png")
    with pytest.raises(FrameError, match="is a colour image"):
        read_pictures(tmp_path / "colour", 64, 48)
