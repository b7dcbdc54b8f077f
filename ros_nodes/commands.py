"""What `embodied-mem ros` can be asked for."""

from typing import Annotated, Literal

import tyro

from embodied_mem.app.commands import Senses
from embodied_mem.config import Config


class Replay(Config, frozen=True):
    """Take a bag into a memory, by the node that runs on a robot. Needs no ROS."""

    bag: Annotated[str, tyro.conf.Positional]
    """Folder of the bag: mcap or sqlite3."""
    store: str | None = None
    """Folder of the memory, made if missing; in RAM without it."""
    params: str | None = None
    """YAML file of a memory node's parameters; without it, the topics of `record`."""
    perception: Senses = "oracle"
    """What sees, where there is no such file; the oracle reads the masks that `record` writes."""
    rate: float = 0.0
    """1 for as fast as it was recorded; 0 for as fast as it is taken in."""
    record: str | None = None
    """New bag for what the node publishes."""


class Record(Config, frozen=True):
    """Record an episode of the household simulator as a robot's bag."""

    bag: Annotated[str, tyro.conf.Positional]
    """New folder."""
    goal: str
    """`put a clean mug on the coffee table`."""
    seed: int = 0
    """Seed of the generated house."""
    rooms: int | None = None
    """Rooms of the house, 1..10."""
    size: tuple[int, int] = (300, 300)
    """Width and height of the images [px]."""
    perception: Senses = "oracle"
    """What the recorded agent's eyes are like."""
    max_steps: int = 500
    """Most steps."""
    storage: Literal["mcap", "sqlite3"] = "mcap"
    """How the bag is stored."""
    store: str | None = None
    """Folder for the recorded agent's own memory, to compare with."""


class Network(Config, frozen=True):
    """Which DDS network a node joins."""

    domain: int = 0
    """The robot's ROS_DOMAIN_ID."""
    interface: str | None = None
    """Network interface, `lo` for this machine alone; Cyclone's own choice without it."""
    params: str | None = None
    """YAML file of the node's parameters."""
    use_sim_time: bool = False
    """Take the time from `/clock`."""


class Join(Network, frozen=True):
    """Run the memory node on a live robot's DDS network. Needs no ROS."""

    store: str | None = None
    """Folder of the memory, made if missing; in RAM without it."""


class Sim(Network, frozen=True):
    """Run the household simulator as a robot on a DDS network."""

    seed: int = 0
    """Seed of the generated house, where there is no file of parameters."""
    rooms: int | None = None
    """Rooms of that house, 1..10."""


class Plan(Network, frozen=True):
    """Run the planner node beside a memory node; goals come as `~/achieve`."""

    store: str | None = None
    """Folder that the memory node writes."""


class Track(Network, frozen=True):
    """Run the tracker node: masks of some images in, masks and tracks of every image out."""

    weights: str | None = None
    """Of the tracker; those that come with the package without it."""


class Act(Network, frozen=True):
    """Run the policy node: observations in, actions out at a rate, a stop when it is late."""

    weights: str | None = None
    """Of the policy."""
    instruction: str | None = None
    """One of those that it was trained on."""


RosCommand = (
    Annotated[Replay, tyro.conf.subcommand("replay")]
    | Annotated[Record, tyro.conf.subcommand("record")]
    | Annotated[Join, tyro.conf.subcommand("join")]
    | Annotated[Sim, tyro.conf.subcommand("sim")]
    | Annotated[Plan, tyro.conf.subcommand("plan")]
    | Annotated[Track, tyro.conf.subcommand("track")]
    | Annotated[Act, tyro.conf.subcommand("act")]
)
