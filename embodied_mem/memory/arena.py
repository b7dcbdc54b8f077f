"""Rows of several tensors in preallocated storage: a long-term region, then a working region.

Nothing grows by concatenation. Appending writes in place; what is dropped is closed up in place.
The two regions lie end to end, so that a product over both is one when the first is full and two
otherwise.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

Span = tuple[int, int]
"""First row, and the one past the last."""


class Arena:
    """Rows with named fields; every field is a tensor (rows, width)."""

    def __init__(
        self,
        widths: Mapping[str, int],
        *,
        long: int,
        work: int,
        dtypes: Mapping[str, torch.dtype],
        device: torch.device,
    ):
        """Allocate.

        Args:
            widths: Width of each field.
            long: Rows of the long-term region.
            work: Rows of the working region to begin with; see `reserve`.
            dtypes: Type of each field.
            device: Where the rows lie.
        """
        self.long, self.work = long, work
        self.n_long = self.n_work = 0
        self.fields = {
            name: torch.zeros((long + work, width), dtype=dtypes[name], device=device)
            for name, width in widths.items()
        }

    @property
    def nbytes(self) -> int:
        """Size of the storage [bytes]."""
        return sum(field.nbytes for field in self.fields.values())

    def long_rows(self, name: str) -> Tensor:
        """Return the live rows of the long-term region, as a view."""
        return self.fields[name][: self.n_long]

    def work_rows(self, name: str) -> Tensor:
        """Return the live rows of the working region, as a view."""
        return self.fields[name][self.long : self.long + self.n_work]

    def reserve(self, work: int) -> None:
        """Make the working region hold at least so many rows; at least twice as many if it grows.

        For stores whose bound is not known from the start; bounded ones reserve once.
        """
        if work <= self.work:
            return
        self._resize(self.long, max(work, 2 * self.work))

    def resize_long(self, long: int) -> None:
        """Change the capacity of the long-term region; its live rows must fit."""
        assert self.n_long <= long, "evict before the region is made smaller"
        if long != self.long:
            self._resize(long, self.work)

    def _resize(self, long: int, work: int) -> None:
        for name, field in self.fields.items():
            grown = torch.zeros(
                (long + work, field.shape[1]), dtype=field.dtype, device=field.device
            )
            grown[: self.n_long] = field[: self.n_long]
            grown[long : long + self.n_work] = self.work_rows(name)
            self.fields[name] = grown
        self.long, self.work = long, work

    def append_work(self, rows: Mapping[str, Tensor], *, at: int | None = None) -> None:
        """Write rows (n, width) after the working rows, or before row `at` of them."""
        count = len(next(iter(rows.values())))
        self.reserve(self.n_work + count)
        at = self.n_work if at is None else at
        start, end = self.long + at, self.long + self.n_work
        for name, field in self.fields.items():
            if start < end:
                field[start + count : end + count] = field[start:end].clone()
            field[start : start + count] = rows.get(name, 0)
        self.n_work += count

    def append_long(self, rows: Mapping[str, Tensor]) -> None:
        """Write rows after the long-term rows; fields that are not given are zero."""
        count = len(next(iter(rows.values())))
        assert self.n_long + count <= self.long, "evict before the region is full"
        span = slice(self.n_long, self.n_long + count)
        for name, field in self.fields.items():
            field[span] = rows.get(name, 0)
        self.n_long += count

    def keep_work(self, spans: Sequence[Span]) -> None:
        """Keep only some working rows, given as rising spans, and close up."""
        for name, field in self.fields.items():
            kept = [self.work_rows(name)[start:end].clone() for start, end in spans]
            at = self.long
            for rows in kept:
                field[at : at + len(rows)] = rows
                at += len(rows)
        self.n_work = sum(end - start for start, end in spans)

    def keep_long(self, rows: Int64[Tensor, "k"]) -> None:
        """Keep only some long-term rows, given in rising order, and close up."""
        for name, field in self.fields.items():
            field[: len(rows)] = self.long_rows(name)[rows]
        self.n_long = len(rows)
