"""What the list of a cognitive bank holds before each step of whole episodes, for training.

Axes: b episodes, t steps, q steps asked about, s steps written, k steps since something was first
merged or forgotten, l entries, n tokens, d width.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from embodied_mem.memory.consolidation import (
    BankEntries,
    ForgettingByPlace,
    Rule,
    likeness,
    planned,
)


@torch.no_grad()
def coefficients(
    tokens: Float[Tensor, "b t n d"],
    times: Float[Tensor, "b t"],
    asked: Int[Tensor, "b q"],
    capacity: int,
    rule: Rule,
    places: Float[Tensor, "b t"] | None = None,
) -> tuple[Float[Tensor, "b q l s"], Float[Tensor, "b q l"]]:
    """Say what a list holds before some steps of episodes that are written into it.

    An entry is the mean of the frames that it stands for, so it is enough to know which those are.

    Returns:
        The weight of each step's tokens in each entry (zero for unused slots), and the entries'
        times.
    """
    free, owners, slots = _lists(tokens, times, capacity, rule, places)
    row = torch.arange(len(times), device=times.device)[:, None]
    number = torch.arange(times.shape[1], device=times.device)
    which = (asked - free).clamp(min=0)
    owner = torch.where(number < asked[..., None], owners[row, which], -1)  # (b, q, s)
    holds = (owner[:, :, None] == slots[row, which][..., None]).to(times.dtype)
    past = holds / holds.sum(-1, keepdim=True).clamp(min=1)
    return past, torch.einsum("bqls,bs->bql", past, times)


def _lists(
    tokens: Float[Tensor, "b t n d"],
    times: Float[Tensor, "b t"],
    capacity: int,
    rule: Rule,
    places: Float[Tensor, "b t"] | None,
) -> tuple[int, Int[Tensor, "b k s"], Int[Tensor, "b k l"]]:
    """Follow each frame through the writing of whole episodes.

    Returns:
        The last step before which nothing was merged or forgotten; and from it on the slot that
        each frame is in (-1: forgotten, or to come), and the slots of the list in its order.
    """
    batch, steps = times.shape
    room = rule.share if isinstance(rule, ForgettingByPlace) else capacity
    free = min(steps - 1, room)
    number = torch.arange(max(steps, capacity), device=tokens.device).repeat(batch, 1)
    owner = torch.where(number < free, number, -1)[:, :steps]
    owners, slots = [owner], [number[:, :capacity]]
    if steps - 1 > free:
        where = torch.zeros_like(times) if places is None else places
        entries = _written(tokens[:, :free], times, where, capacity)
        for step in range(free, steps - 1):
            seen, here = tokens[:, step], where[:, step]
            change = planned(entries, seen, rule, here, overwrites=True)
            entries = change.applied(entries, seen, times[:, step], here)
            owner = change.moved(owner)
            owner[:, step] = change.room
            owners.append(owner)
            slots.append(entries.slots)
    return free, torch.stack(owners, 1), torch.stack(slots, 1)


def _written(
    tokens: Float[Tensor, "b s n d"],
    times: Float[Tensor, "b t"],
    places: Float[Tensor, "b t"],
    capacity: int,
) -> BankEntries:
    """The first steps as a list, each an entry."""
    count = tokens.shape[1]
    entries = BankEntries.nothing(tokens[:, 0], capacity)
    known = torch.arange(capacity, device=tokens.device) < count
    entries.tokens[:, :count] = tokens
    shape = (0, capacity - count)
    alike = likeness(tokens[:, :-1], tokens[:, 1:])
    return BankEntries(
        tokens=entries.tokens,
        slots=entries.slots,
        times=torch.nn.functional.pad(times[:, :count], shape),
        counts=known.to(times.dtype).repeat(len(times), 1),
        places=torch.nn.functional.pad(places[:, :count], shape),
        alike=torch.nn.functional.pad(alike, (0, capacity - count + 1)),
    )
