"""Training and measuring a policy that remembers, on the command line. Light to import."""

from typing import Annotated, Literal

import tyro

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError


class TrainPolicy(Config, frozen=True, tag="policy"):
    """Train a policy that remembers, on recorded demonstrations (docs/policy.md).

    Run again with the same settings, it goes on where it was interrupted.
    """

    data: str
    """Folder of demonstrations."""
    out: str
    """Folder of the run: checkpoint, learning curve (`curve.jsonl`), weights."""
    policy: str | None = None
    """YAML file that says what it is made of: encoder, memory, head (docs/policy.md)."""
    memory: Literal["bank", "lstm", "none"] | None = None
    """What it remembers with, instead of what the file says; a bank by default."""
    steps: int = 2000
    """Batches in all."""
    minutes: float | None = None
    """Time for training [min], if it shall end before all steps are done."""
    batch: int = 32
    """Episodes to a batch."""
    group: int = 6
    """Frames of each episode; a bank of fewer entries merges in training too."""
    recoloured: float = 0.0
    """Share of episodes whose red, green and blue change places, for tasks that ask which colours
    are the same."""
    learning_rate: float = 2e-3
    """At its highest."""
    seed: int = 0
    """Of the network's first weights and of the choice of frames."""
    begin_with: str | None = None
    """File of weights to go on from, in a new run; of a policy that remembers with the same."""
    validation: int = 50
    """Last episodes, which are measured on and not learnt from."""
    validate_every: int = 100
    """Batches between measurements of decisions; 0: never."""
    device: str = "cpu"
    """Where the network runs: cpu, cuda."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network's forward pass."""
    track: Literal["trackio"] | None = None
    """Put the learning curve also into trackio's store on this machine; `trackio show` shows it."""
    compile: bool = False
    """Compile encoder and head for this machine first; needs a C++ compiler."""


class Eval(Config, frozen=True):
    """Measure a trained policy in MIKASA-Robo, with the benchmark's seeds; needs the simulator."""

    part: Annotated[Literal["policy"], tyro.conf.Positional]
    """What is measured."""
    weights: Annotated[str | None, tyro.conf.Positional] = None
    """File of weights, as training writes it; those that come with the package by default."""
    task: Literal[
        "RememberColor3-VLA-v0",
        "RememberColor5-VLA-v0",
        "RememberColor9-VLA-v0",
        "RememberShape3-VLA-v0",
        "RememberShape5-VLA-v0",
        "RememberShape9-VLA-v0",
    ] = "RememberColor3-VLA-v0"
    """What there is to remember, and how many of them."""
    episodes: int = 50
    """Episodes to run."""
    first: int = 4242424242
    """Seed of the first of them; the others count on from it. The benchmark's by default."""
    out: str | None = None
    """File that gets a line of JSON for each episode; those in it are not run again."""
    videos: str | None = None
    """Folder that gets a video of each episode that is run; needs PyAV."""
    environments: int = 1
    """Episodes that go on at once, each simulator in a process of its own."""
    executed: int = 1
    """Actions of a chunk that are done before the next is drawn."""
    ensemble: int | None = None
    """Instead of that, average what the chunks of so many last steps say of now (CogACT)."""
    ensemble_alpha: float = 0.1
    """How much less those count in the average that are unlike the newest."""
    compile: bool = False
    """Compile the action head for this machine first; needs a C++ compiler."""
    guidance: float = 1.5
    """How far past the unconditional prediction to go."""
    forget: bool = False
    """Empty the memory before each step: what is the policy without it?"""

    def __post_init__(self) -> None:
        if self.environments < 1:
            raise ConfigError(f"at least 1 environment is needed, got {self.environments}.")
