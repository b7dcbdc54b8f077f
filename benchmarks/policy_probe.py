"""Where a policy has the cue: linear probes on what it sees, and on what it finds in its bank.

    python benchmarks/policy_probe.py --data data/rc3 [--weights FILE]

A line of JSON each for the policy as it begins and as it was trained. `colour`: of the cue, read by
ridge regression from the first frame's tokens. `place`: of the right thing, read at the decision
from the frame's tokens, and from the condition that the bank leads to. Both on the episodes behind
the first 600, which the regression is fitted to; chance is 1/3.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from embodied_mem.backends.demonstrations import Demonstration
from planners.diffusion.batches import DemonstrationSet
from planners.diffusion.network import PolicyNetwork
from planners.diffusion.recordings import read_folder
from planners.diffusion.weights import SHIPPED, load_policy

FITTED = 600
RIDGE = 100.0


def main() -> None:
    """Probe as the flags say."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--data", type=Path, required=True)
    flags.add_argument("--weights", type=Path, default=SHIPPED)
    options = flags.parse_args()
    torch.set_num_threads(1)
    episodes = [episode for _, episode in read_folder(options.data)]
    card, trained = load_policy(options.weights)
    torch.manual_seed(0)
    untrained = card.build().eval()
    untrained.set_scales(
        DemonstrationSet(episodes, [0] * len(episodes), 8, torch.device("cpu")).scales()
    )
    for name, network in (("untrained", untrained), ("trained", trained)):
        print(json.dumps({"policy": name} | probed(network, episodes)), flush=True)


@torch.inference_mode()
def probed(network: PolicyNetwork, episodes: list[Demonstration]) -> dict[str, float]:
    """Probe one network."""
    part = DemonstrationSet(episodes, [0] * len(episodes), 8, torch.device("cpu"))
    groups = part.until_decision(range(len(episodes)))
    row = torch.arange(len(episodes))
    first, _ = network.encode(groups.images[:, 0], groups.proprio[:, 0], groups.instructions)
    now, _ = network.encode(
        groups.images[row, groups.decision], groups.proprio[row, groups.decision],
        groups.instructions,
    )  # fmt: skip
    _, condition = network.sequence(
        groups.images, groups.proprio, groups.instructions, groups.times, groups.decision[:, None]
    )
    colour = torch.tensor([episode.cue for episode in episodes])
    place = torch.tensor([int(np.sum(e.options[:, 1] < e.options[e.cue, 1])) for e in episodes])
    scores = {
        "colour in the first frame's tokens": read(first.flatten(1), colour),
        "place in the decision's tokens": read(now.flatten(1), place),
        "place in the condition": read(condition.squeeze(1), place),
    }
    return {name: round(score, 3) for name, score in scores.items()}


def read(features: Tensor, labels: Tensor) -> float:
    """Share of labels that ridge regression reads right."""
    scaled = (features - features.mean(0)) / (features.std(0) + 1e-6)
    fitted, others = scaled[:FITTED], scaled[FITTED:]
    wanted = torch.nn.functional.one_hot(labels[:FITTED]).float() - 1 / 3
    dual = torch.linalg.solve(fitted @ fitted.T + RIDGE * torch.eye(FITTED), wanted)
    return float(((others @ fitted.T @ dual).argmax(1) == labels[FITTED:]).float().mean())


if __name__ == "__main__":
    main()
