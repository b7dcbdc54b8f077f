"""Trains a policy on a folder of demonstrations: `python -m planners.diffusion`.

Several processes share the work: `torchrun --nproc-per-node 2 -m planners.diffusion ...`.

Imports no more than training needs, so that it runs where little is installed.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from embodied_mem.config import load_config
from embodied_mem.errors import EmbodiedMemError
from planners.diffusion.recordings import parted, read_folder
from planners.diffusion.remembering import NAMED
from planners.diffusion.training import PolicyRunConfig, PolicyTrainingConfig, train


def main() -> None:
    """Train as the flags say; run again, it goes on."""
    flags = argparse.ArgumentParser(prog="python -m planners.diffusion", description=__doc__)
    flags.add_argument("--data", type=Path, required=True, help="folder of demonstrations")
    flags.add_argument("--out", type=Path, required=True, help="folder of the run")
    flags.add_argument("--config", type=Path, help="YAML of a PolicyTrainingConfig")
    flags.add_argument("--memory", choices=NAMED, help="instead of the config's")
    flags.add_argument("--steps", type=int, help="instead of the config's")
    flags.add_argument("--minutes", type=float, help="end after so long")
    flags.add_argument("--batch", type=int, help="episodes to a step, instead of the config's")
    flags.add_argument("--validation", type=int, default=50, help="last episodes, not learnt from")
    flags.add_argument("--device", default="cpu")
    flags.add_argument("--validate-every", type=int, default=500, help="steps; 0: never")
    flags.add_argument("--compile", action="store_true", help="encoder and head, for this machine")
    options = flags.parse_args()
    try:
        _train(options)
    except EmbodiedMemError as error:
        flags.exit(2, f"{flags.prog}: {error}\n")
    except KeyboardInterrupt:
        flags.exit(130, f"{flags.prog}: interrupted; run again, it goes on.\n")


def _train(options: argparse.Namespace) -> None:
    learnt, held_out = parted(read_folder(options.data), options.validation)
    run = PolicyRunConfig(
        device=options.device, validate_every=options.validate_every, compile=options.compile
    )
    config = _config(options)
    for step, loss in train(options.out, learnt, held_out, config, run):
        sys.stdout.write(f"step {step}, loss {loss:.4f}\n")
        sys.stdout.flush()


def _config(options: argparse.Namespace) -> PolicyTrainingConfig:
    config = PolicyTrainingConfig()
    if options.config is not None:
        config = load_config(options.config, PolicyTrainingConfig)
    if options.memory is not None:
        policy = msgspec.structs.replace(config.policy, memory=NAMED[options.memory])
        config = msgspec.structs.replace(config, policy=policy)
    given = {name: getattr(options, name) for name in ("steps", "minutes", "batch")}
    return msgspec.structs.replace(config, **{k: v for k, v in given.items() if v is not None})


if __name__ == "__main__":
    main()
