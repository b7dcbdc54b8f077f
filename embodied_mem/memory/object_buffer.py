"""The known objects: arrays over rows for search, and one Entry each for the rest."""

import math
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from embodied_mem.config import Config
from embodied_mem.errors import FrameError, UnknownObjectError
from embodied_mem.goals import fold
from embodied_mem.memory import voxels
from embodied_mem.memory.association import AssociationConfig
from embodied_mem.memory.attributes import SETTLED
from embodied_mem.memory.evidence import EvidenceConfig
from embodied_mem.memory.records import Known, Placement, Sighting, Status
from embodied_mem.memory.replacement import LRUConfig, ReplacementConfig
from embodied_mem.memory.views import ViewConfig, ViewLog
from embodied_mem.types import AttributeValue

NO_BOX = np.full((2, 3), np.nan)
"""The box of an object of which no place is known."""

_MAX_ALIASES = 256  # They are written with every percept.
_FEW_GONE = 32

_CONFIRMING = 0.75
"""Score of a detection that needs no second one."""


class BufferConfig(Config, frozen=True):
    """How objects are told apart and kept."""

    capacity: int = 20_000
    """Objects kept; beyond it the replacement policy chooses who goes [objects]."""
    replacement: ReplacementConfig = LRUConfig()
    association: AssociationConfig = AssociationConfig()
    evidence: EvidenceConfig = EvidenceConfig()
    views: ViewConfig = ViewConfig()
    min_score: float = 0.2
    """Detections with less confidence start no object."""
    min_pixels: int = 10
    """Nor do smaller ones [px]."""
    gone_share: float = 0.2
    """Share of the objects that may be gone (or 32, if more); those last seen longest ago go."""
    voxel: float = 0.03
    """Edge of an object's voxels [m]."""
    max_voxels: int = 768
    """Voxels per object; a larger object's are doubled in edge until they fit."""
    refutations_to_gone: float = 2.0
    """Weight of frames in a row that must speak against an object before it counts as gone: 1 for
    one that sees through it, 0.5 for one that detects other things on its surface."""
    history: int = 64
    """Newest sightings kept in RAM per object."""
    min_cosine_moved: float = 0.88
    """Least similarity of appearance to recognise a vanished object elsewhere."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """All that is believed of one object; box and feature live in the buffer's arrays."""

    object_id: str
    row: int
    label: str
    label_weights: dict[str, float]
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    strengths: dict[str, int] = field(default_factory=dict)
    """How settled the value of each attribute is."""
    doubtful: set[str] = field(default_factory=set)
    """Attributes whose value was only read off images, by a detector that may err. Not stored."""
    status: Status = "present"
    placement: Placement | None = None
    place: str | None = None
    room: str | None = None
    first_seen: float
    last_seen: float
    frame: int = 0
    """Number of the percept that showed it last."""
    sightings: int = 0
    belief: float = 0.0
    """That it exists and is where its box says, 0..1."""
    trust: float = 0.7
    """What one sure sighting adds to the belief, as a share of the doubt left."""
    misses: float = 0.0
    """Weight of the frames in a row that spoke against it."""
    doubted: float | None = None
    """When the first of them was [s]."""
    overlooked: int = 0
    """Frames with something in its place that did not show it, less those that did."""
    nearest: float = np.inf
    """Least distance from which it was seen since it last moved [m]."""
    released: float | None = None
    """When the hand let it go [s], until it is seen again."""
    whole: bool = False
    """Whether one view showed it without touching the image's border."""
    bounds: Float[np.ndarray, "2 3"]
    """Union of the boxes seen since it last moved [m]."""
    larger: Float[np.ndarray, "2 3"] | None = None
    """Box of the last view, where that showed it much larger than its bounds [m]."""
    keys: Int64[np.ndarray, "v"] = field(default_factory=lambda: voxels.EMPTY)
    """Its voxels, sorted."""
    level: int = 0
    """The voxels' edge is the config's, doubled so many times."""
    coarse: tuple[Int64[np.ndarray, "v"], dict[int, Int64[np.ndarray, "u"]]] | None = None
    """Voxels, and what they are at coarser levels, as far as that was asked for."""
    crop: UInt8[np.ndarray, "r c 3"] | None = None
    """Largest image of it."""
    crop_pixels: int = 0
    """Pixels of its mask there [px]."""
    history: deque[Sighting] = field(default_factory=deque)
    record: Known | None = None
    """What readers were given, as long as it is true."""

    @property
    def is_confirmed(self) -> bool:
        """Whether more than one doubtful detection showed it."""
        return self.sightings > 1 or sum(self.label_weights.values()) >= _CONFIRMING


class ObjectBuffer:
    """Objects by id and by row. Rows of removed objects are used again."""

    def __init__(self, config: BufferConfig | None = None):
        self.config = config or BufferConfig()
        self.clear()

    def clear(self) -> None:
        """Forget every object and id."""
        self.entries: dict[str, Entry] = {}
        self.rows: list[Entry | None] = []
        self.boxes: Float[np.ndarray, "c 2 3"] = np.full((0, 2, 3), np.nan)
        """Box of each row [m]; NaN for free rows and objects without a place."""
        self.centers: Float[np.ndarray, "c 3"] = np.full((0, 3), np.nan)
        """Middle of each box [m]."""
        self.radii = np.zeros(0)
        """Half the diagonal of each box [m]."""
        self.features: Float32[np.ndarray, "c d"] = np.zeros((0, 0), np.float32)
        self.counters: dict[str, int] = {}
        """How many ids were given out per label."""
        self.changed: set[str] = set()
        """Objects that differ from the store."""
        self.reshaped: set[str] = set()
        """Objects whose voxels, feature or crop differ from the store."""
        self.removed: set[str] = set()
        """Objects that the store still has."""
        self.aliases: dict[str, str] = {}
        """Objects that others turned out to be; the newest are kept."""
        self.held: dict[str, None] = {}
        """Objects in the hand: the one it holds and what that carries."""
        self.views = ViewLog(self.config.views)
        """What was in view when."""
        self._free: list[int] = []
        self._by_label: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, object_id: str) -> Entry:
        entry = self.entries.get(self.aliases.get(object_id, object_id))
        if entry is None:
            raise UnknownObjectError(object_id, self.labels())
        return entry

    def labels(self) -> set[str]:
        """Return the best labels of all objects."""
        return {entry.label for entry in self.entries.values()}

    def labelled(self, label: str) -> list[Entry]:
        """Return the objects whose best label reads the same in a goal."""
        return [self.entries[name] for name in self._by_label.get(fold(label), ())]

    def newest(self, label: str, most: int) -> list[Entry]:
        """Return the objects of a label that were met last, at most so many, the newest first."""
        names = reversed(self._by_label.get(fold(label), {}))
        return [self.entries[name] for name in islice(names, most)]

    def box(self, entry: Entry) -> Float[np.ndarray, "2 3"]:
        """Return an object's box [m]."""
        return self.boxes[entry.row]

    def touch(self, entry: Entry) -> None:
        """Note that an object changed."""
        self.changed.add(entry.object_id)
        entry.record = None

    def surface(self, entry: Entry) -> Float[np.ndarray, "v 3"]:
        """Return the middles of an object's voxels [m]."""
        return voxels.decode(entry.keys, self.voxel_size(entry))

    def coarser(self, entry: Entry, level: int) -> Int64[np.ndarray, "u"]:
        """Return an object's voxels at its own or at a coarser level."""
        if level == entry.level:
            return entry.keys
        if entry.coarse is None or entry.coarse[0] is not entry.keys:
            entry.coarse = entry.keys, {}
        known = entry.coarse[1]
        if level not in known:
            known[level] = self.at_level(entry.keys, level - entry.level)
        return known[level]

    def set_box(self, entry: Entry, box: Float[np.ndarray, "2 3"]) -> None:
        """Place an object's box [m]."""
        self._write_box(entry.row, box)
        self.touch(entry)

    def feature(self, entry: Entry) -> Float32[np.ndarray, "d"]:
        """Return an object's mean appearance, unit length."""
        return self.features[entry.row]

    def add(
        self, entry: Entry, box: Float[np.ndarray, "2 3"], feature: Float32[np.ndarray, "d"]
    ) -> None:
        """Take in a new object; its row is set here."""
        if self.features.shape[1] != len(feature):
            self._widen(len(feature))
        if not self._free:
            self._grow()
        entry.row = self._free.pop()
        self.rows[entry.row] = entry
        self._write_box(entry.row, box)
        self.features[entry.row] = feature
        self.entries[entry.object_id] = entry
        self._by_label.setdefault(fold(entry.label), {})[entry.object_id] = None
        self.touch(entry)
        self.reshaped.add(entry.object_id)

    def new_id(self, label: str) -> str:
        """Return the next unused id for a label: mug_1, mug_2 ..."""
        name = fold(label) or "thing"
        self.counters[name] = self.counters.get(name, 0) + 1
        return f"{name}_{self.counters[name]}"

    def remove(self, object_id: str) -> None:
        """Forget one object."""
        entry = self.entries.pop(object_id)
        del self._by_label[fold(entry.label)][object_id]
        self.held.pop(object_id, None)
        self.rows[entry.row] = None
        self._write_box(entry.row, NO_BOX)
        self._free.append(entry.row)
        self.changed.discard(object_id)
        self.reshaped.discard(object_id)
        self.removed.add(object_id)

    def merge(self, kept: Entry, dropped: Entry) -> None:
        """Let one object take in another one that it turned out to be."""
        level = max(kept.level, dropped.level)
        both = [self.at_level(entry.keys, level - entry.level) for entry in (kept, dropped)]
        boxes = kept.bounds, dropped.bounds
        kept.level = level
        kept.bounds = np.stack(
            (np.fmin(boxes[0][0], boxes[1][0]), np.fmax(boxes[0][1], boxes[1][1]))
        )
        kept.first_seen = min(kept.first_seen, dropped.first_seen)
        if dropped.last_seen > kept.last_seen:
            kept.last_seen, kept.frame = dropped.last_seen, dropped.frame
        kept.sightings += dropped.sightings
        kept.overlooked = 0
        for label, weight in dropped.label_weights.items():
            kept.label_weights[label] = kept.label_weights.get(label, 0.0) + weight
        kept.doubtful |= dropped.doubtful - kept.attributes.keys()
        kept.attributes = dropped.attributes | kept.attributes
        kept.strengths = dropped.strengths | kept.strengths
        self.set_voxels(kept, voxels.union(*both))
        for entry in self.children(dropped.object_id):
            if entry is not kept and entry.placement is not None:
                entry.placement = replace(entry.placement, parent=kept.object_id)
                self.touch(entry)
        if kept.placement is not None and kept.placement.parent == dropped.object_id:
            kept.placement = None
        self.remove(dropped.object_id)
        self._alias(dropped.object_id, kept.object_id)

    def follow(self, old: Entry, new: Entry) -> None:
        """Let an object that vanished be the one that was found elsewhere since."""
        old.status, old.misses, old.placement = "moved", 0.0, new.placement
        old.bounds, old.keys, old.level = new.bounds.copy(), new.keys, new.level
        old.nearest, old.whole, old.belief = new.nearest, new.whole, new.belief
        self._write_box(old.row, self.boxes[new.row])
        self.merge(old, new)

    def forget(self, entry: Entry) -> None:
        """Remove an object and what is said of it: it never was."""
        for child in self.children(entry.object_id):
            child.placement = None
            self.touch(child)
        self.remove(entry.object_id)
        of_it = [name for name, target in self.aliases.items() if target == entry.object_id]
        for name in of_it:
            del self.aliases[name]

    def drop_gone(self) -> list[str]:
        """Forget the objects that were gone longest, as far as they are too many."""
        gone = [entry for entry in self.entries.values() if entry.status == "gone"]
        most = max(_FEW_GONE, int(self.config.gone_share * len(self)))
        gone.sort(key=lambda entry: entry.last_seen)
        dropped = gone[: max(len(gone) - most, 0)]
        for entry in dropped:
            self.forget(entry)
        return [entry.object_id for entry in dropped]

    def _alias(self, old: str, new: str) -> None:
        for name, target in self.aliases.items():
            if target == old:
                self.aliases[name] = new
        self.aliases[old] = new
        if len(self.aliases) > _MAX_ALIASES:
            del self.aliases[next(iter(self.aliases))]

    def relabel(self, entry: Entry, label: str) -> None:
        """Give an object another best label; its id stays."""
        del self._by_label[fold(entry.label)][entry.object_id]
        entry.label = label
        self._by_label.setdefault(fold(label), {})[entry.object_id] = None

    def voxel_size(self, entry: Entry) -> float:
        """Return the edge of an object's voxels [m]."""
        return self.config.voxel * 2**entry.level

    def at_level(self, keys: Int64[np.ndarray, "v"], level: int) -> Int64[np.ndarray, "u"]:
        """Bring voxels of level 0 to a coarser level."""
        for _ in range(level):
            keys = voxels.coarsen(keys)
        return keys

    def set_voxels(self, entry: Entry, keys: Int64[np.ndarray, "v"]) -> None:
        """Give an object its voxels (of its level), coarser where too many, and fit the box."""
        while len(keys) > self.config.max_voxels:
            keys, entry.level = voxels.coarsen(keys), entry.level + 1
        entry.keys = keys
        self.reshaped.add(entry.object_id)
        box = entry.bounds
        if len(keys):
            size = self.voxel_size(entry)
            cells = voxels.cells(keys)
            low, high = box
            box = np.empty((2, 3))
            np.maximum(low, cells.min(axis=0) * size, out=box[0])
            np.minimum(high, (cells.max(axis=0) + 1) * size, out=box[1])
            np.maximum(box[0], box[1], out=box[1])
        self.set_box(entry, box)

    def near(self, point: Float[np.ndarray, "3"], radius: float) -> list[Entry]:
        """Return the objects whose box comes within `radius` [m] of a point, nearest first."""
        if not self.rows:
            return []
        # NaN boxes: the comparison is false.
        away = np.maximum(self.boxes[:, 0] - point, point - self.boxes[:, 1]).clip(0)
        distance = np.sqrt(np.square(away).sum(axis=1))
        found = np.flatnonzero(distance <= radius)
        order = found[np.argsort(distance[found], kind="stable")]
        return [entry for row in order if (entry := self.rows[row]) is not None]

    def children(self, object_id: str) -> list[Entry]:
        """Return the objects that rest on or in another one, and are not gone."""
        return [
            entry
            for entry in self.entries.values()
            if entry.placement is not None
            and entry.placement.parent == object_id
            and entry.status != "gone"
        ]

    def known(self, entry: Entry) -> Known:
        """Return the record of an object for readers."""
        if entry.record is None:
            entry.record = self._record(entry)
        return entry.record

    def sighting(self, entry: Entry, stamp: float, frame: int) -> Sighting:
        """Add a sighting at `stamp` [s] in the `frame`th percept to an object's history."""
        seen = Sighting(
            object_id=entry.object_id,
            stamp=stamp,
            box=self.box(entry).copy(),
            status=entry.status,
            placement=entry.placement,
            room=entry.room,
            frame=frame,
            age=0.0,
        )
        entry.history.append(seen)
        while len(entry.history) > self.config.history:
            entry.history.popleft()
        return seen

    def _record(self, entry: Entry) -> Known:
        total = sum(entry.label_weights.values()) or 1.0
        box, feature = self.boxes[entry.row].copy(), self.features[entry.row].copy()
        box.flags.writeable = feature.flags.writeable = False  # Shared by all readers.
        scores = {label: weight / total for label, weight in entry.label_weights.items()}
        return Known(
            object_id=entry.object_id,
            label=entry.label,
            label_scores=scores,
            box=box,
            feature=feature,
            attributes=dict(entry.attributes),
            settled=frozenset(n for n, strength in entry.strengths.items() if strength >= SETTLED),
            doubtful=frozenset(entry.doubtful),
            status=entry.status,
            placement=entry.placement,
            place=entry.place,
            room=entry.room,
            first_seen=entry.first_seen,
            last_seen=entry.last_seen,
            sightings=entry.sightings,
            confidence=float(np.clip(entry.belief, 0, 1)),
        )

    def _write_box(self, row: int, box: Float[np.ndarray, "2 3"]) -> None:
        self.boxes[row] = box
        low, high = box
        self.centers[row] = (low + high) / 2
        edges = high - low
        self.radii[row] = math.sqrt(edges.dot(edges)) / 2

    def _grow(self) -> None:
        old = len(self.rows)
        new = max(64, old * 2)
        boxes = np.full((new, 2, 3), np.nan)
        boxes[:old] = self.boxes
        features = np.zeros((new, self.features.shape[1]), np.float32)
        features[:old] = self.features
        self.boxes, self.features = boxes, features
        self.centers = boxes.mean(axis=1)
        self.radii = np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1) / 2
        self.rows.extend([None] * (new - old))
        self._free.extend(range(new - 1, old - 1, -1))

    def settled(self) -> None:
        """Note that the store holds everything."""
        self.changed.clear()
        self.reshaped.clear()
        self.removed.clear()

    def _widen(self, width: int) -> None:
        """Set the features' width, by the first object."""
        if self.entries:
            raise FrameError(
                f"features must keep their width, {self.features.shape[1]}, got {width}. "
                "Use one perceiver per memory."
            )
        self.features = np.zeros((len(self.rows), width), np.float32)
