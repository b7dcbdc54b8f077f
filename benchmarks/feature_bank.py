"""What a feature bank costs a detector: time and memory per frame, with bank and without.

    python benchmarks/feature_bank.py --side 320 --frames 12

A Faster R-CNN with random weights looks at the pictures of a generated film; without trained
weights nothing can be said of what it finds. Then reads alone: of a light key set against a whole
bank, and how much clearer noisy copies of the same features become.
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from embodied_mem.video.scripted import draw_script, film
from perception.feature_bank import AlikeReader, FeatureBank, TrainedReader
from perception.feature_bank_config import FeatureBankConfig
from perception.remembering_head import remember
from perception.torchvision_config import TorchvisionConfig
from perception.torchvision_detector import build_network


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--frames", type=int, default=12)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    with torch.inference_mode():
        _detectors(arguments.side, arguments.frames)
        _reads()
        _clearer()


def _detectors(side: int, count: int) -> None:
    script = draw_script(float(count), every=3.0, shown=2.0)
    pictures = list(film(script, rate=1, width=side * 4 // 3, height=side))[:count]
    print("| detector | bank | CPU-ms a frame | rows | MiB of banks |\n|---|---|---|---|---|")
    for name in ("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2"):
        config = TorchvisionConfig(architecture=name, image_size=side)  # pyright: ignore[reportArgumentType]
        for bank in (None, FeatureBankConfig()):
            network = build_network(config).eval()
            head = network.get_submodule("roi_heads.box_head")
            layers = [] if bank is None else remember(head, bank)
            for layer in layers:  # Full, as after minutes of video.
                layer.bank.write(torch.randn(20_000, layer.linear.out_features))
            spent = _per_frame(network, pictures)
            rows = sum(len(layer.bank) for layer in layers)
            size = sum(layer.bank.rows.nbytes for layer in layers) / 2**20
            print(
                f"| {name} | {'yes' if layers else ''} | {1000 * spent:.0f} | {rows} | {size:.0f} |"
            )


def _per_frame(network: nn.Module, pictures: Sequence[np.ndarray]) -> float:
    images = [torch.from_numpy(rgb).permute(2, 0, 1).float() / 255 for rgb in pictures]
    network([images[0]])
    began = time.process_time()
    for image in images:
        network([image])
    return (time.process_time() - began) / len(images)


def _reads() -> None:
    bank = FeatureBank(20_000, 1024)
    bank.write(torch.randn(20_000, 1024))
    proposals = torch.randn(300, 1024)
    readers = (("alike", AlikeReader(30.0, 0.5)), ("trained", TrainedReader(1024, 16)))
    print("\n| reader | keys | CPU-ms for 300 proposals |\n|---|---|---|")
    for name, reader in readers:
        for keys in (2_000, 20_000):
            reader(proposals, bank.draw(keys))
            began = time.process_time()
            for _ in range(3):
                reader(proposals, bank.draw(keys))
            print(f"| {name} | {keys} | {1000 * (time.process_time() - began) / 3:.0f} |")


def _clearer() -> None:
    """Show 75 things under noise, frame after frame."""
    things = nn.functional.normalize(torch.randn(75, 1024), dim=1)
    bank, reader = FeatureBank(20_000, 1024), AlikeReader(30.0, 0.5)
    print("\n| noise (deviations of a length) | cosine with the thing | with the bank |")
    print("|---|---|---|")
    for noise in (0.5, 1.0, 2.0):
        bank.reset()
        for _ in range(60):
            bank.write(_noisy(things, noise))
        features = _noisy(things, noise)
        read = reader(features, bank.draw(2_000))
        cosines = [
            nn.functional.cosine_similarity(rows, things, dim=1).mean().item()
            for rows in (features, read)
        ]
        print(f"| {noise} | {cosines[0]:.3f} | {cosines[1]:.3f} |")


def _noisy(things: torch.Tensor, noise: float) -> torch.Tensor:
    return things + noise * torch.randn_like(things) / things.shape[1] ** 0.5


if __name__ == "__main__":
    main()
