"""What can be asked for on the command line. Light to import: what does the work is not."""

from typing import Annotated, Literal

import tyro

from embodied_mem.app.policy_commands import Eval
from embodied_mem.app.train_commands import Train
from embodied_mem.app.video_commands import Video
from embodied_mem.config import Config

Senses = Literal["oracle", "noisy", "geometric", "learned"]
"""learned: our own segmenter, which sees colour and depth alone, trained on the embedded
simulator's pictures; geometric: things by their shape, without names; oracle: the simulator's masks
as they are; noisy: those with the errors of a detector and a camera."""


LayoutName = Literal["auto", "7scenes", "tum", "record3d", "desk", "embodied"]
"""How the files of a recording lie; `embodied` is our own."""

UpName = Literal["auto", "z", "y", "-y"]
"""Axis of a recording's world that points up; `auto` asks the layout."""

GroundName = Literal["auto", "look", "keep"]
"""Whether a recording is looked at for which way is up exactly, and how high the floor is."""

PolicyName = Literal["fifo", "lru", "lfu", "w_tinylfu", "decay"]
"""Who goes when the short-term memory is full."""

SuiteName = Literal["alfred-l", "graded", "simple", "composite", "complex"]
"""Suites of ordered sub-goals that come with the package; `graded` is the last three."""

MemoryName = Literal["keep", "clear", "none", "short", "long", "both", "all"]
"""Which memory lasts from task to task."""


class Demo(Config, frozen=True):
    """Three household tasks in a row, with memory and with memory cleared in between."""

    out: str = "runs/demo"
    """Folder for both runs, the report and the recordings; an earlier demo there is replaced."""
    seed: int | None = None
    """Seed of another house than the usual one; its tasks are drawn from what is in it."""
    perception: Senses = "learned"
    """What the agent's eyes are like."""
    max_steps: int = 500
    """Most steps for one task."""
    rrd: bool = True
    """Whether to write recordings for rerun's viewer, where rerun is installed."""


class Episode(Config, frozen=True):
    """One task in one house."""

    goal: str
    """`in(apple, fridge) and clean(apple)`, or `put a clean apple in the fridge`."""
    house: str | None = None
    """FILE or FILE:N, the house number N (from 0) of a .json, .jsonl or .jsonl.gz file; a generated
    house without it."""
    seed: int = 0
    """Seed of the generated house."""
    rooms: int | None = None
    """Rooms of the generated house, 1..10."""
    sim: str | None = None
    """A simulator's config, a YAML file or a name such as `household/kitchen`; what the flags say
    of the house wins."""
    agent: str | None = None
    """YAML file with perception, features, memory and planner."""
    planner: Literal["symbolic", "language"] = "symbolic"
    """What decides: a planning engine, or a language model whose plans are checked. With a language
    model the goal may be any words."""
    llm_url: str | None = None
    """Address of an OpenAI-compatible endpoint, e.g. http://127.0.0.1:8000/v1."""
    llm_model: str | None = None
    """Name of the model there."""
    llm_key_env: str | None = None
    """Name of the environment variable that holds the key, where the endpoint wants one."""
    judge: str | None = None
    """What success is judged by, in predicate form, where the goal is in words that only a language
    model reads."""
    asset_database: str | None = None
    """ProcTHOR's asset-database.json, for exact sizes."""
    backend: Literal["household", "thor"] = "household"
    """The simulator in this process, or the real ai2thor client."""
    perception: Senses = "learned"
    """What the agent's eyes are like."""
    memory: str | None = None
    """Folder of the memory to go on with; made if missing. Without it memory starts empty and is
    kept in the run's folder."""
    max_steps: int = 1000
    """Most steps."""
    out: str | None = None
    """Folder of the run; `runs/` and the time by default."""
    report: bool = True
    """Whether to write report.html into that folder."""
    rrd: bool = False
    """Whether to write episode.rrd, for rerun's viewer, into that folder."""


class Suite(Config, frozen=True):
    """Many houses, several tasks in each; resumable, with one table at the end."""

    suite: SuiteName | None = None
    """Tasks of ordered sub-goals in houses of their own, instead of `houses` or `generated`."""
    houses: str | None = None
    """File of houses: .json, .jsonl or .jsonl.gz."""
    generated: int | None = None
    """So many generated houses instead, seeds from `seed` on."""
    limit: int | None = None
    """Only the first so many houses of the file, or tasks of each file of a suite."""
    asset_database: str | None = None
    """ProcTHOR's asset-database.json, for exact sizes."""
    tasks: int = 3
    """Tasks in each house, one after another."""
    perception: Senses = "learned"
    """What the agent's eyes are like."""
    agent: str | None = None
    """YAML file with perception, features, memory and planner, for houses (not with a suite)."""
    memory: MemoryName = "keep"
    """Whether memory lasts from task to task: keep, clear, or both compared. With a suite, which
    part of it lasts: none, short, long, both, or all of these compared."""
    policy: PolicyName = "lru"
    """With a suite: who goes when the short-term memory is full."""
    capacity: int = 100
    """With a suite: small things that the short-term memory keeps."""
    backend: Literal["household", "thor"] = "household"
    """The simulator in the worker's process, or the real ai2thor client."""
    workers: int = 2
    """Processes."""
    ray: str | None = None
    """HOST:PORT of a Ray cluster to run on instead, on all its CPUs; `auto`: this machine's."""
    max_steps: int = 1000
    """Most steps for one task."""
    seed: int = 0
    """Seed of generated houses, of the choice of tasks and of noise."""
    timeout: float = 3600.0
    """Longest time for one house and condition [s]."""
    out: str = "runs/suite"
    """Folder of the results; asked for again with the same settings, a suite goes on there."""
    json: str | None = None
    """File for everything: settings, table, episodes, failures."""


class Ask(Config, frozen=True):
    """Ask a stored memory where something is, what it holds, or what happened in its videos."""

    store: Annotated[str, tyro.conf.Positional]
    """Folder of a memory, or of a run that holds one."""
    label: Annotated[str | None, tyro.conf.Positional] = None
    """What to find: a label, e.g. `mug`, or a question in any words, e.g. `the mug in the bedroom`;
    everything when left out."""
    limit: int = 10
    """Most answers to a question."""
    at: float | None = None
    """Where it was then [s], instead of now."""
    video: str | None = None
    """The one video that is asked about, by its file's name or a part of it."""
    look_again: float = 60.0
    """So much of the videos at most is looked at again, more closely, where the memory does not
    answer a question [s]; what is found is kept. 0 leaves the memory as it is."""
    image: str | None = None
    """A picture: what looks like it in the videos is found, of what the question leaves."""
    weights: str | None = None
    """Weights of the network that described the videos, where one did, for `--image`."""
    text_model: str | None = None
    """Folder of a sentence-transformers model, which compares what the question and sentences mean
    besides their words."""
    llm_url: str | None = None
    """Address of an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1: a language model
    reads the question about videos there; rules do without it, and where it fails."""
    llm_model: str | None = None
    """Name of the model there."""
    llm_key_env: str | None = None
    """Name of the environment variable that holds the key, where the endpoint wants one."""
    json: bool = False
    """Whether to print the answer about videos as JSON."""


class Name(Config, frozen=True):
    """Say what an object of a stored memory is called, or list what was said."""

    store: Annotated[str, tyro.conf.Positional]
    """Folder of a memory, or of a run that holds one."""
    name: Annotated[str | None, tyro.conf.Positional] = None
    """What it is called; without it all names are listed."""
    object_id: Annotated[str | None, tyro.conf.Positional] = None
    """The object, by its id, as `ask` prints it."""
    forget: bool = False
    """Forget the name instead; objects keep what they are called."""


class View(Config, frozen=True):
    """Write the HTML report of a run or of a stored memory."""

    folder: Annotated[str, tyro.conf.Positional]
    """Folder of a run, of several runs, or of a memory."""
    out: str | None = None
    """HTML file; report.html beside the runs by default."""
    rrd: str | None = None
    """File to write a memory of videos to as well, for rerun's viewer. (Runs record their own.)"""


class Sql(Config, frozen=True):
    """Ask a stored memory in SQL: one SELECT, read only, over views that stay."""

    store: Annotated[str, tyro.conf.Positional]
    """Folder of a memory, or of a run that holds one."""
    query: Annotated[str | None, tyro.conf.Positional] = None
    """One SELECT; without it the views and their columns are told."""
    limit: int = 1000
    """Most rows."""
    seconds: float = 5.0
    """Longest time [s]."""
    json: bool = False
    """Whether to print JSON."""


class Mcp(Config, frozen=True):
    """Serve a stored memory to language models, read only, by the Model Context Protocol."""

    store: Annotated[str, tyro.conf.Positional]
    """Folder of a memory, or of a run that holds one."""
    http: bool = False
    """Whether to serve over HTTP instead of stdin and stdout."""
    host: str = "127.0.0.1"
    """Address to listen at, with `--http`."""
    port: int = 8765
    """Port to listen at, with `--http`; the address is http://HOST:PORT/mcp."""
    allow_remote: bool = False
    """Whether other machines may ask, all of them, without a password, with `--host`."""


class ThorServer(Config, frozen=True):
    """Serve the simulator to an AI2-THOR client: `thor-server --help` tells its own flags."""


class Convert(Config, frozen=True):
    """Take in a recording; or write houses in ProcTHOR's schema, or a memory for Spark-DSG."""

    source: Annotated[str | None, tyro.conf.Positional] = None
    """Folder of a recording; or the file to write: .jsonl or .jsonl.gz for houses, .json for a
    memory's scene graph."""
    layout: LayoutName = "auto"
    """How the recording's files lie; found out by looking where left out."""
    out: str | None = None
    """Folder for the recording as one of ours; asked for again, it is gone on with."""
    store: str | None = None
    """Folder of the memory that takes the recording in; asked for again, it is gone on with."""
    perception: Senses | None = None
    """What sees the things in the recording, for `--store`. Where left out: the oracle where a
    simulator's masks were recorded too, else `geometric`, which needs depth and no weights."""
    agent: str | None = None
    """YAML file with perception and features, for `--store`, such as those of a detector."""
    intrinsics: tuple[float, float, float, float] | None = None
    """fx fy cx cy of the recording's pictures, from the centre of the first pixel [px]."""
    distortion: tuple[float, float, float, float, float] | None = None
    """k1 k2 p1 p2 k3 of the recording's lens, which is then straightened."""
    depth_unit: float | None = None
    """Metres per count of the recording's 16-bit depth."""
    fps: float = 30.0
    """Frames a second, where a recording keeps no stamps."""
    up: UpName = "auto"
    """Axis of the recording's world that points up, and becomes z."""
    ground: GroundName = "auto"
    """Whether to look for level planes in the recording, turn its world to be level and put the
    floor at height 0, as memory needs it: `auto` does so for all layouts but our own."""
    stride: int = 1
    """One of so many frames."""
    limit: int | None = None
    """Only so many frames."""
    memory: str | None = None
    """A memory, whose scene graph is written for Spark-DSG instead of houses."""
    generated: int = 1
    """How many houses."""
    seed: int = 0
    """Seed of the first; the others count on from it."""
    rooms: int | None = None
    """Rooms of each, 1..10; chosen by the seed when left out."""


ExportFormat = Literal["parquet", "coco", "mot", "srt", "spark-dsg"]
"""Tables of all rows; boxes in key frames; tracks; subtitles; the scene graph of a house."""


class Export(Config, frozen=True):
    """Write what a store remembers for other tools."""

    store: Annotated[str, tyro.conf.Positional]
    """Folder of the memory, or of the run that made it."""
    out: str
    """Folder to write; it must not be there."""
    formats: tuple[ExportFormat, ...] = ()
    """What to write; all that the store has something for, when left out."""


class Weights(Config, frozen=True):
    """Fetch published weights of detectors, or list them and say which are here."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Names of releases; without any, all are listed."""


class Doctor(Config, frozen=True):
    """Look whether everything works here: versions, extras, one rendered frame."""


Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Episode, tyro.conf.subcommand("episode")]
    | Annotated[Suite, tyro.conf.subcommand("suite")]
    | Annotated[Video, tyro.conf.subcommand("video")]
    | Annotated[Ask, tyro.conf.subcommand("ask")]
    | Annotated[Name, tyro.conf.subcommand("name")]
    | Annotated[View, tyro.conf.subcommand("view")]
    | Annotated[Sql, tyro.conf.subcommand("sql")]
    | Annotated[Mcp, tyro.conf.subcommand("mcp")]
    | Annotated[ThorServer, tyro.conf.subcommand("thor-server")]
    | Annotated[Convert, tyro.conf.subcommand("convert")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Weights, tyro.conf.subcommand("weights")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Eval, tyro.conf.subcommand("eval")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)
