"""What can be asked for about videos on the command line. Light to import."""

from typing import Annotated, Literal

import tyro

from embodied_mem.config import Config


class VideoTrack(Config, frozen=True, tag="track"):
    """Follow objects through a video: a mask in, masks for every frame out. Resumable."""

    source: Annotated[str, tyro.conf.Positional]
    """A video file, or a folder of images."""
    out: str
    """Folder for masks/, tracks.json and overlay.mp4; asked for again, it is gone on with."""
    weights: str | None = None
    """XMem's weights, its published .pth or .safetensors, or those of a compact tracker; without,
    the compact tracker that comes with the package."""
    masks: str | None = None
    """Folder of PNGs called as their frames are (00000.png for the first of a video file), in
    palette colours or grey ids, for the first frame and any later ones; or one PNG; or a COCO file
    with run lengths."""
    points: str | None = None
    """Instead of masks, a file such as {"1": [{"frame": 0, "x": 120, "y": 80}]}. There is no
    segmenter here that understands points: one point makes a small disk, several make what GrabCut
    finds around them by colour. Masks are better."""
    every: int = 5
    """One frame of so many is remembered."""
    size: int | None = 480
    """Images with a longer short side are shrunk to this inside [px]."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the network."""
    long_term: int = 10_000
    """Long-term elements kept for each group of objects; 0 does without long-term memory."""
    device: str | None = None
    """Where to compute, such as cpu or cuda:1; a GPU where there is one."""
    look_ahead: int = 1
    """Frames whose keys are computed in one batch; more than one suits a GPU, not a CPU."""
    save_every: int = 100
    """Frames between savings from which an interrupted run goes on."""
    tracks: bool = True
    """Whether to write tracks.json, COCO's layout with run lengths (extra `video`)."""
    overlay: bool = False
    """Whether to write overlay.mp4, the video with its objects drawn in."""
    fps: float = 30.0
    """Frames a second of the overlay, where the source does not say."""


class VideoRemember(Config, frozen=True, tag="remember"):
    """Take videos into a memory that can be asked questions. Resumable; what is done is left."""

    sources: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Video files, folders of them or of images, RGB-D recordings, or ROS bags."""
    store: str
    """Folder of the memory; made if missing, gone on with if there."""
    rate: float = 5.0
    """Pictures that are looked at a second [1/s]."""
    side: int = 480
    """Longer side of the pictures that are looked at and kept as key frames [px]."""
    features: Literal["grid", "timm"] = "grid"
    """How a whole picture is described: colours in a grid, which needs no weights, or a timm
    network."""
    model: str = "resnet18"
    """The timm network."""
    weights: str | None = None
    """Its weights, a file."""
    identities: Literal["timm", "tracker"] | None = None
    """What tells which movers, and which things that a detector names, are one: the timm network,
    or the tracker that comes with the package. By default the network of `--features timm`."""
    detector: str | None = None
    """What finds and names things, in place of motion and colours: `torchvision` for its Mask
    R-CNN with the published weights, or a YAML file (`VideoDetectorConfig`)."""
    bank: bool = False
    """Whether a torchvision detector reads features of earlier pictures (MAMBA)."""
    masks: bool = False
    """Whether to keep outlines of what moves and of coloured things; a detector's always are."""
    folder_rate: float = 30.0
    """Images a second of a folder [1/s]."""
    topic: str = ""
    """Colour images of a bag; where it has one topic of them, that one."""
    config: str | None = None
    """YAML file with all other settings (`RecorderConfig`)."""
    ray: str | None = None
    """Ray cluster that looks at the videos, in chunks: HOST:PORT, `auto` for the one that this
    machine belongs to, `local` for one of this machine alone."""
    llm_url: str | None = None
    """Address of an OpenAI-compatible endpoint of a model that sees, such as
    http://127.0.0.1:8000/v1: it gets key frames, and its sentences join those of the segments."""
    llm_model: str | None = None
    """Name of the model there."""
    llm_key_env: str | None = None
    """Name of the environment variable that holds the key, where the endpoint wants one."""


class VideoScore(Config, frozen=True, tag="score"):
    """Compare masks with the truth: J, F, recall and decay, by object, sequence and overall."""

    results: Annotated[str, tyro.conf.Positional]
    """Folder of PNGs, of a run of `video track`, or of a folder for each sequence."""
    truth: Annotated[str, tyro.conf.Positional]
    """Folder of annotations in the same layout; its frames are those that are compared."""
    protocol: Literal["davis", "youtube", "long"] = "davis"
    """davis: all annotated frames but the first and the last; youtube: those after an object's
    first; long: all."""
    meta: str | None = None
    """YouTube-VOS's meta.json of the scored split, which tells each object's category."""
    seen: str | None = None
    """meta.json of the training split, or a text file of category names, one a line: the
    categories that were trained on."""
    void: int | None = None
    """Id in the truth of pixels that count for nothing, such as 255."""
    json: str | None = None
    """File for all scores."""


class Video(Config, frozen=True):
    """Take videos into a memory (`remember`, or `video IN... --store DIR`), `track`, `score`."""

    task: tyro.conf.OmitSubcommandPrefixes[
        tyro.conf.OmitArgPrefixes[
            Annotated[VideoRemember, tyro.conf.subcommand("remember")]
            | Annotated[VideoTrack, tyro.conf.subcommand("track")]
            | Annotated[VideoScore, tyro.conf.subcommand("score")]
        ]
    ]


def with_task(words: list[str]) -> list[str]:
    """Return a command line in which `video IN... --store DIR` says that it is to remember."""
    tasks = {"remember", "track", "score", "-h", "--help"}
    if words[:1] == ["video"] and words[1:] and words[1] not in tasks:
        return ["video", "remember", *words[1:]]
    return words
