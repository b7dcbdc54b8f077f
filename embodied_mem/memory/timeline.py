"""One sequence of memory elements and the values of the objects that share it.

A group is the objects that were first stored in the same frame. Each group has a sequence of keys
of its own, in which its values lie row by row beside the keys. In upstream XMem all groups share
the keys of the oldest, and a later group covers their tail; `compat="xmem"` keeps it so, with what
goes wrong there: see `Timeline.consolidate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from embodied_mem.memory.arena import Arena, Span
from embodied_mem.memory.attention import (
    Attention,
    attend,
    gather,
    memory_rows,
    potentiation,
    query_rows,
)
from embodied_mem.memory.feature_config import FeatureStoreConfig

_LIFE = 1e-7
"""Life of an element that was not read yet: keeps usage finite."""


@dataclass(slots=True)
class Group:
    """Objects that were first stored together."""

    objects: list[int]
    values: Arena
    """Field `value` (rows, objects * value width), aligned with the end of the keys."""
    width: int
    """Value width of one object."""

    def table(self) -> Tensor:
        """Return all value rows, used and unused."""
        return self.values.fields["value"]

    def keep(self, numbers: Sequence[int]) -> None:
        """Keep only some of the objects, given by their places in the group."""
        table = self.table().view(-1, len(self.objects), self.width)
        self.values.fields["value"] = table[:, list(numbers)].flatten(1).contiguous()
        self.objects = [self.objects[number] for number in numbers]


@dataclass(slots=True)
class Timeline:
    """Elements in order of time: long-term, then working memory."""

    config: FeatureStoreConfig
    keys: Arena
    """Fields row (2 c + 1), key (c), shrinkage (1), selection (c), use (1), life (1)."""
    groups: list[Group] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    """Elements of each frame in working memory."""
    permanent: int = 0
    """How many of the frames, from the first, are never consolidated."""
    candidates: list[Int64[Tensor, "p"]] = field(default_factory=list)
    """Which candidates the latest consolidation made prototypes of, for inspection."""
    evicted: list[tuple[int, int]] = field(default_factory=list)
    """Long-term size before and after the latest eviction, for inspection."""

    @property
    def size(self) -> int:
        """Elements in all."""
        return self.keys.n_long + self.keys.n_work

    def append(
        self,
        key: Float[Tensor, "t c"],
        shrinkage: Float[Tensor, "t"],
        selection: Float[Tensor, "t c"] | None,
        values: Sequence[Float[Tensor, "t _"]],
        *,
        permanent: bool,
    ) -> None:
        """Store one frame: its elements, and their values for each group.

        Args:
            key: Key of each element.
            shrinkage: Of each element.
            selection: Of each element; needed for consolidation.
            values: For each group, its objects' values side by side.
            permanent: Whether the frame stays for good.
        """
        at = sum(self.frames[: self.permanent]) if permanent and self.frames else None
        life = torch.full((len(key), 1), _LIFE, device=key.device)
        rows = {"row": memory_rows(key, shrinkage), "key": key, "shrinkage": shrinkage[:, None]}
        if selection is not None:
            rows["selection"] = selection
        self.keys.append_work({**rows, "life": life}, at=at)
        for group, value in zip(self.groups, values, strict=True):
            group.values.append_work({"value": value}, at=at)
        self.frames.insert(self.permanent if permanent else len(self.frames), len(key))
        self.permanent += permanent or len(self.frames) == 1

    # -- reading ---------------------------------------------------------------------------------

    def similarity(
        self, query: Float[Tensor, "q r"], out: Float[Tensor, "q t"]
    ) -> Float[Tensor, "q t"]:
        """Compare queries with all elements, long-term ones first; writes into `out`."""
        keys, row = self.keys, self.keys.fields["row"]
        if keys.n_long in (0, keys.long):
            start = 0 if keys.n_long else keys.long
            return torch.mm(query, row[start : keys.long + keys.n_work].T, out=out)
        torch.mm(query, keys.long_rows("row").T, out=out[:, : keys.n_long])
        torch.mm(query, keys.work_rows("row").T, out=out[:, keys.n_long :])
        return out

    def read(self, similarity: Float[Tensor, "q t"], *, count: bool) -> list[Float[Tensor, "q _"]]:
        """Return what queries read of each group; the first group's read counts as usage."""
        found = []
        for number, group in enumerate(self.groups):
            attention = attend(self._of_group(similarity, group), self.config.top_k)
            if number == 0 and count:
                self._count(attention)
            found.append(gather(group.table(), self._placed(attention, group)))
        return found

    def end_read(self) -> None:
        """Let all elements grow older by one read."""
        self.keys.work_rows("life").add_(1)
        if self.config.count_long_term_usage:
            self.keys.long_rows("life").add_(1)

    def _of_group(self, similarity: Float[Tensor, "q t"], group: Group) -> Float[Tensor, "q u"]:
        """Return the columns that a group has values for: the ends of both regions."""
        n_long, n_work = group.values.n_long, group.values.n_work
        if n_long + n_work == self.size:
            return similarity
        long = similarity[:, self.keys.n_long - n_long : self.keys.n_long]
        work = similarity[:, self.size - n_work :]
        return torch.cat((long, work), dim=1) if n_long else work

    def _placed(self, attention: Attention, group: Group) -> Attention:
        """Turn positions among a group's live rows into rows of its storage."""
        gap = group.values.long - group.values.n_long
        if gap == 0:
            return attention
        moved = attention.indices + gap * (attention.indices >= group.values.n_long)
        return Attention(moved, attention.weights)

    def _count(self, attention: Attention) -> None:
        used = attention.usage(self.size).to(torch.float32)[:, None]
        self.keys.work_rows("use").add_(used[self.keys.n_long :])
        if self.config.count_long_term_usage:
            self.keys.long_rows("use").add_(used[: self.keys.n_long])

    # -- forgetting ------------------------------------------------------------------------------

    def drop_oldest(self) -> None:
        """Drop working frames beyond the bound, the oldest first; permanent ones stay."""
        while len(self.frames) - self.permanent >= self.config.max_work_frames:
            front = sum(self.frames[: self.permanent])
            spans = [(0, front), (front + self.frames[self.permanent], sum(self.frames))]
            for arena in (self.keys, *(group.values for group in self.groups)):
                arena.keep_work(spans)
            del self.frames[self.permanent]

    def consolidate(self, capacity: int) -> None:
        """Turn the middle of a full working memory into long-term prototypes.

        The elements read most become prototypes; their values and shrinkage are averages over all
        candidates (equations 5 and 6 of the paper). A group that covers only the tail of the keys
        (`compat="xmem"`) contributes the candidates that lie in its tail.

        Args:
            capacity: Long-term elements at most.
        """
        if len(self.frames) - self.permanent + 1 < self.config.max_work_frames:
            return
        front = sum(self.frames[: self.permanent])
        tail = sum(self.frames[len(self.frames) - (self.config.min_work_frames - 1) :])
        last = self.keys.n_work - tail
        count = min(self.config.prototypes, last - front, capacity)
        if count > 0:
            self.evict(capacity - count)
            self._add_prototypes((front, last), count)
        self._sieve(front, tail)

    def _add_prototypes(self, span: Span, count: int) -> None:
        keys = self.keys
        part = slice(*span)
        usage = (keys.work_rows("use") / keys.work_rows("life"))[part, 0]
        chosen = usage.argsort(descending=True, stable=True)[:count]  # (p,), most used first.
        key = keys.work_rows("key")[part][chosen]
        selection = keys.work_rows("selection")[part][chosen]
        similarity = query_rows(key, selection) @ keys.work_rows("row")[part].T  # (p, t)
        averages: list[Tensor | None] = []
        for group in self.groups:
            length = self._candidates_of(group, span)
            valid = chosen >= (span[1] - span[0]) - length
            weights = potentiation(similarity[valid][:, similarity.shape[1] - length :])
            averages.append(weights if length and len(weights) else None)
            if averages[-1] is not None:
                end = group.values.n_work - (keys.n_work - span[1])
                candidates = group.values.work_rows("value")[end - length : end]
                value = weights.to(candidates.dtype) @ candidates
                group.values.append_long({"value": value})
        assert averages[0] is not None, "the first group covers all keys"
        shrinkage = averages[0] @ keys.work_rows("shrinkage")[part]
        life = torch.full((count, 1), _LIFE, device=key.device)
        rows = {"row": memory_rows(key, shrinkage[:, 0]), "key": key, "shrinkage": shrinkage}
        keys.append_long({**rows, "life": life})
        self.candidates = [chosen]

    def _candidates_of(self, group: Group, span: Span) -> int:
        """Return how many of the candidates a group has values for."""
        n, tail = group.values.n_work, self.keys.n_work - span[1]
        if n == self.keys.n_work:
            return span[1] - span[0]
        frame = self.frames[0]
        least = self.config.min_work_frames * frame + frame
        return n - tail - frame if n > least else 0

    def _sieve(self, front: int, tail: int) -> None:
        """Keep the permanent frames and the newest ones."""
        n_work, frame = self.keys.n_work, self.frames[0]
        for group in self.groups:
            n = group.values.n_work
            if n == n_work:
                group.values.keep_work([(0, front), (n - tail, n)])
            elif n >= self.config.min_work_frames * frame + frame:
                group.values.keep_work([(0, frame), (n - tail, n)])
        self.keys.keep_work([(0, front), (n_work - tail, n_work)])
        newest = self.frames[len(self.frames) - (self.config.min_work_frames - 1) :]
        self.frames = self.frames[: self.permanent] + newest

    def evict(self, target: int) -> None:
        """Evict the long-term elements read least until `target` remain."""
        before = self.keys.n_long
        self.evicted = []
        if before <= target:
            return
        usage = (self.keys.long_rows("use") / self.keys.long_rows("life"))[:, 0]
        kept = self._survivors(usage, target)
        for group in self.groups:
            hidden = before - group.values.n_long  # Keys that it has no values for.
            group.values.keep_long(kept[kept >= hidden] - hidden)
        self.keys.keep_long(kept)
        self.evicted = [(before, len(kept))]

    def _survivors(self, usage: Float[Tensor, "t"], target: int) -> Int64[Tensor, "k"]:
        excess = len(usage) - target
        if self.config.compat == "xmem":
            threshold = usage.kthvalue(excess).values
            return (usage > threshold).nonzero()[:, 0]
        order = usage.argsort(stable=True)  # Among equals the oldest go first.
        return order[excess:].sort().values
