"""What a video tracker remembers of its objects: XMem's working and long-term memory.

Elements are single positions of the feature maps of remembered frames. The working memory holds a
few whole frames; when it is full, its middle is consolidated into a few long-term prototypes; when
those are too many, the ones read least go. Reads are over both at once (arXiv:2207.07115).

What differs from upstream: objects that come later have keys of their own, so that none is read
through another's first frame; objects can be removed; frames can be made permanent; without
long-term memory the oldest frames go; eviction leaves exactly as many as it should; storage is
allocated once; and a store saved in the middle of a video goes on as if it had not been.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from embodied_mem.errors import FrameError
from embodied_mem.memory.arena import Arena
from embodied_mem.memory.attention import query_rows, tile_of
from embodied_mem.memory.feature_config import FeatureStoreConfig
from embodied_mem.memory.timeline import Group, Timeline


class FeatureStore:
    """Remembers keys and values of frames, and answers what other frames' keys remind of."""

    def __init__(self, config: FeatureStoreConfig | None = None):
        """Make an empty store; storage is allocated when the first frame tells the widths."""
        self.config = config or FeatureStoreConfig()
        self.timelines: list[Timeline] = []
        self._buffer: Tensor | None = None

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of the objects that are remembered, in the order of a read's values."""
        return tuple(id_ for group in self._groups() for id_ in group.objects)

    @property
    def work_size(self) -> int:
        """Elements in working memory, of the longest group."""
        return max((timeline.keys.n_work for timeline in self.timelines), default=0)

    @property
    def long_size(self) -> int:
        """Elements in long-term memory, of the longest group."""
        return max((timeline.keys.n_long for timeline in self.timelines), default=0)

    @property
    def nbytes(self) -> int:
        """Size of all storage, the read's buffer included [bytes]."""
        arenas = [a for t in self.timelines for a in (t.keys, *(g.values for g in t.groups))]
        buffer = 0 if self._buffer is None else self._buffer.nbytes
        return sum(arena.nbytes for arena in arenas) + buffer

    def _groups(self) -> list[Group]:
        return [group for timeline in self.timelines for group in timeline.groups]

    def clear(self) -> None:
        """Forget everything."""
        self.timelines, self._buffer = [], None

    # -- writing ---------------------------------------------------------------------------------

    def add(
        self,
        key: Float[Tensor, "c h w"],
        shrinkage: Float[Tensor, "h w"],
        values: Float[Tensor, "n v h w"],
        objects: Sequence[int],
        selection: Float[Tensor, "c h w"] | None = None,
        *,
        permanent: bool = False,
    ) -> None:
        """Remember one frame.

        Args:
            key: Its keys.
            shrinkage: Their certainty, at least 1.
            values: What is stored for each object.
            objects: Their ids: all that are remembered already, in any order, and new ones.
            selection: Channel weights of the keys; needed for long-term memory.
            permanent: Keep this frame for good. The first frame of an object always is.

        Raises:
            FrameError: Ids repeat, one that is remembered is missing, `selection` is missing, or
                too many frames were made permanent.
        """
        self._check(values, objects, selection, permanent=permanent)
        rows = values.flatten(2).permute(0, 2, 1)  # (n, t, v)
        place = {object_id: number for number, object_id in enumerate(objects)}
        self._begin(key, rows, [id_ for id_ in objects if id_ not in self.objects])
        flat_selection = None if selection is None else selection.flatten(1).T
        for timeline in self.timelines:
            parts = [
                rows[[place[id_] for id_ in group.objects]].permute(1, 0, 2).flatten(1)
                for group in timeline.groups
            ]
            first = not timeline.frames
            if not self.config.long_term and self.config.compat == "none":
                timeline.drop_oldest()
            timeline.append(
                key.flatten(1).T,
                shrinkage.flatten(),
                flat_selection,
                parts,
                permanent=permanent and not first,
            )
            if self.config.long_term:
                timeline.consolidate(self._capacity(timeline))

    def _check(
        self,
        values: Float[Tensor, "n v h w"],
        objects: Sequence[int],
        selection: Tensor | None,
        *,
        permanent: bool,
    ) -> None:
        missing = sorted(set(self.objects) - set(objects))
        if len(set(objects)) != len(objects) or len(objects) != len(values):
            raise FrameError(
                f"each object needs one id and one value, got ids {list(objects)} for "
                f"{len(values)} values."
            )
        if missing:
            raise FrameError(
                f"values of all remembered objects are needed; {missing} are missing. Remove an "
                "object that is no longer tracked."
            )
        if self.config.long_term and selection is None:
            raise FrameError("long-term memory needs the selection of each memory frame.")
        most = max((t.permanent for t in self.timelines), default=0)
        if permanent and self.config.compat == "xmem" and self.timelines:
            raise FrameError('compat="xmem" knows no permanent frames but the first.')
        if permanent and most >= self.config.max_permanent_frames:
            raise FrameError(
                f"{most} frames are permanent already, the most that max_permanent_frames allows."
            )

    def _begin(
        self, key: Float[Tensor, "c h w"], rows: Float[Tensor, "n t v"], new: list[int]
    ) -> None:
        """Make room for objects that are new."""
        if not new:
            return
        shared = self.config.compat == "xmem" and bool(self.timelines)
        values_width, frame = rows.shape[2], key.shape[1] * key.shape[2]
        if not shared:
            self.timelines.append(Timeline(self.config, self._key_arena(key, frame)))
        timeline = self.timelines[-1]
        values = Arena(
            {"value": len(new) * values_width},
            long=timeline.keys.long,
            work=timeline.keys.work if shared else frame * self._work_frames(),
            dtypes={"value": rows.dtype},
            device=rows.device,
        )
        timeline.groups.append(Group(new, values, values_width))
        if self.config.max_bytes is not None:
            self._share_bytes()

    def _key_arena(self, key: Float[Tensor, "c h w"], frame: int) -> Arena:
        width = len(key)
        counts, exact = dict.fromkeys(("use", "life"), torch.float32), key.dtype
        widths = {"row": 2 * width + 1, "key": width, "shrinkage": 1, "selection": width}
        return Arena(
            {**widths, "use": 1, "life": 1},
            long=self.config.max_long_term if self.config.long_term else 0,
            work=frame * self._work_frames(),
            dtypes=dict.fromkeys(widths, exact) | counts,
            device=key.device,
        )

    def _work_frames(self) -> int:
        """Return how many frames the working memory can hold without growing."""
        return self.config.max_work_frames + 1

    def _capacity(self, timeline: Timeline) -> int:
        return (
            timeline.keys.long if self.config.max_bytes is not None else (self.config.max_long_term)
        )

    def _share_bytes(self) -> None:
        """Divide the bound on bytes anew: each group gets as much, after what it works with."""
        assert self.config.max_bytes is not None, "only then"
        share = (self.config.max_bytes - self.config.tile_bytes) // len(self.timelines)
        for timeline in self.timelines:
            arenas = [timeline.keys, *(group.values for group in timeline.groups)]
            row = sum(arena.nbytes // (arena.long + arena.work) for arena in arenas)
            room = share // row - timeline.keys.work
            if room <= self.config.prototypes:
                raise FrameError(
                    f"max_bytes, {self.config.max_bytes}, leaves no long-term memory for "
                    f"{len(self.objects)} objects at this resolution. Raise it, lower tile_bytes "
                    "or max_work_frames, or track at a smaller size."
                )
            room = min(room, self.config.max_long_term)
            timeline.evict(room)
            for arena in arenas:
                arena.resize_long(room)

    def remove(self, objects: Sequence[int]) -> None:
        """Forget objects; ids that are not remembered are ignored."""
        gone = set(objects)
        for timeline in self.timelines:
            for group in timeline.groups:
                kept = [number for number, id_ in enumerate(group.objects) if id_ not in gone]
                if len(kept) < len(group.objects):
                    group.keep(kept)
            timeline.groups = [group for group in timeline.groups if group.objects]
        self.timelines = [timeline for timeline in self.timelines if timeline.groups]
        if self.config.max_bytes is not None and self.timelines:
            self._share_bytes()

    # -- reading ---------------------------------------------------------------------------------

    def read(
        self, key: Float[Tensor, "c h w"], selection: Float[Tensor, "c h w"] | None
    ) -> Float[Tensor, "n v h w"]:
        """Return what each position of a frame reminds of, for each of `objects`.

        Args:
            key: The frame's keys.
            selection: Channel weights; None counts all alike.

        Raises:
            FrameError: Nothing is remembered.
        """
        if not self.timelines:
            raise FrameError("the store is empty: add a frame before reading.")
        height, width = key.shape[1:]
        flat = None if selection is None else selection.flatten(1).T
        query = query_rows(key.flatten(1).T, flat)
        found: list[list[Tensor]] = [[] for _ in self._groups()]
        number = 0
        for timeline in self.timelines:
            tile = tile_of(len(query), timeline.size, query.element_size(), self.config.tile_bytes)
            buffer = self._buffer_of(tile * timeline.size, query)
            for part in query.split(tile):
                view = buffer[: len(part) * timeline.size].view(len(part), timeline.size)
                similarity = timeline.similarity(part, view)
                reads = timeline.read(similarity, count=self.config.long_term)
                for offset, values in enumerate(reads):
                    found[number + offset].append(values)
            if self.config.long_term:
                timeline.end_read()
            number += len(timeline.groups)
        maps = []
        for group, parts in zip(self._groups(), found, strict=True):
            values = torch.cat(parts).view(height * width, len(group.objects), group.width)
            maps.append(values.permute(1, 2, 0).reshape(len(group.objects), -1, height, width))
        return torch.cat(maps)

    def _buffer_of(self, count: int, like: Tensor) -> Tensor:
        """Return storage for similarities, the same for all reads."""
        held = self._buffer
        if held is None or held.numel() < count or held.dtype != like.dtype:
            limit = self.config.tile_bytes // like.element_size()
            self._buffer = held = like.new_empty(max(count, min(limit, 2 * count)))
        return held
