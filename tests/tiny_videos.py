"""Tiny videos and masks for tests, and weights that mean nothing but are the same everywhere."""

from pathlib import Path

import av
import numpy as np
from PIL import Image
from safetensors.torch import save_file

from embodied_mem.video.mask_files import write_palette_png
from perception.xmem.drawn_weights import drawn_weights
from perception.xmem.network import XMem

H, W, FRAMES = 32, 48, 12


def write_weights(path: Path) -> Path:
    """Write drawn weights of XMem's shapes."""
    shapes = {name: tensor.shape for name, tensor in XMem().state_dict().items()}
    save_file(drawn_weights(shapes), path)
    return path


def picture(number: int, height: int = H, width: int = W) -> np.ndarray:
    """Return frame `number`: a light box that moves over a gradient."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0] = np.linspace(0, 200, width, dtype=np.uint8)
    rgb[..., 2] = np.linspace(200, 0, height, dtype=np.uint8)[:, None]
    rgb[8:24, 6 + number : 20 + number] = (230, 220, 90)
    return rgb


def mask(*objects: int, left: int = 6, height: int = H, width: int = W) -> np.ndarray:
    """Return boxes for objects, side by side."""
    ids = np.zeros((height, width), np.int32)
    for place, object_id in enumerate(objects):
        ids[8:24, left + 15 * place : left + 13 + 15 * place] = object_id
    return ids


def write_video(path: Path, frames: int = FRAMES, *, rate: int = 12) -> Path:
    """Write a video without loss worth speaking of."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        stream.bit_rate = 2_000_000
        container.start_encoding()  # A file without frames has a header too.
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """Write a file with sound alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_folder(path: Path, frames: int = FRAMES) -> Path:
    """Write frames as images whose names sort by number alone."""
    path.mkdir()
    for number in range(frames):
        Image.fromarray(picture(number)).save(path / f"f{number}.png")
    return path


def write_masks(path: Path, masks: dict[str, np.ndarray]) -> Path:
    """Write masks as palette PNGs."""
    for name, ids in masks.items():
        write_palette_png(path / f"{name}.png", ids)
    return path


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of the masks in a run's folder."""
    return {path.name: path.read_bytes() for path in sorted((folder / "masks").iterdir())}
