"""A small symbolic household by AI2-THOR's rules, to carry plans out on; knows nothing of PDDL."""

from dataclasses import dataclass, field

import numpy as np

from planners.affordances import fits, kind_of
from planners.belief import Belief, Thing
from planners.symbolic import PlanStep


class RefusedError(Exception):
    """The household does not let this happen."""


def require(condition: object, why: str) -> None:
    if not condition:
        raise RefusedError(why)


@dataclass
class Item:
    name: str
    label: str
    place: tuple[float, float]
    parent: str | None = None
    states: dict = field(default_factory=dict)


@dataclass
class Household:
    """Things by name, one hand, and where the body is."""

    things: dict[str, Item] = field(default_factory=dict)
    hand: str | None = None
    at: tuple[float, float] = (0.0, 0.0)

    def add(
        self,
        name: str,
        place: tuple[float, float] | None = None,
        parent: str | None = None,
        **states: bool | str,
    ) -> None:
        label = name.rstrip("0123456789_")
        if place is None:
            assert parent is not None, "a thing has a place or a parent"
            place = self.things[parent].place
        self.things[name] = Item(name, label, place, parent, states)

    def belief(self) -> Belief:
        things = {
            item.name: Thing(
                object_id=item.name,
                label=item.label,
                kind=kind_of(item.label),
                box=np.array([[*item.place, 0.5], [*item.place, 0.6]], float),
                attributes=dict(item.states),
                parent=item.parent,
                status="held" if item.name == self.hand else "present",
                last_seen=0.0,
            )
            for item in self.things.values()
        }
        return Belief(things, self.hand, 0.0)

    def shut(self, name: str | None) -> bool:
        """Whether a thing, or what it is in, is a closed container."""
        while name is not None:
            item = self.things[name]
            kind = kind_of(item.label)
            if kind.container and not item.states.get("open"):
                return True
            name = item.parent
        return False

    def near(self, name: str) -> None:
        require(self.things[name].place == self.at, f"the body is not at {name}")

    def contents(self, name: str) -> list[Item]:
        direct = [i for i in self.things.values() if i.parent == name]
        return direct + [deeper for item in direct for deeper in self.contents(item.name)]

    def move(self, name: str, place: tuple[float, float]) -> None:
        self.things[name].place = place
        for item in self.contents(name):
            item.place = place

    def do(self, step: PlanStep) -> None:
        """Carry out one step of a plan; raises RefusedError where the rules forbid it."""
        getattr(self, f"_{step.name}")(*step.arguments)

    def _goto(self, _start: str, end: str) -> None:
        self.at = self.things[end].place

    def _pickup(self, name: str, _parent: str, _spot: str) -> None:
        item = self.things[name]
        self.near(name)
        require(self.hand is None, "the hand is full")
        require(kind_of(item.label).graspable, f"{name} cannot be picked up")
        require(not self.shut(item.parent), f"{name} is shut in")
        item.parent, self.hand = None, name

    def _put(self, name: str, receptacle: str, _spot: str) -> None:
        self.near(receptacle)
        require(self.hand == name, f"{name} is not held")
        require(fits(self.things[name].label, self.things[receptacle].label), "it does not fit")
        require(not self.shut(receptacle), f"{receptacle} is closed")
        self.things[name].parent, self.hand = receptacle, None
        self.move(name, self.things[receptacle].place)

    def _open(self, name: str, _spot: str) -> None:
        self.near(name)
        states = self.things[name].states
        require(not states.get("open"), f"{name} is open")
        require(not states.get("on"), f"{name} runs")
        states["open"] = True

    def _close(self, name: str, _spot: str) -> None:
        self.near(name)
        require(self.things[name].states.get("open"), f"{name} is closed")
        self.things[name].states["open"] = False
        if self.things[name].label == "fridge":
            for item in self.contents(name):
                item.states["temperature"] = "Cold"

    def _switch(self, name: str, *, on: bool) -> None:
        self.near(name)
        states = self.things[name].states
        require(kind_of(self.things[name].label).toggleable, f"{name} cannot be switched")
        require(bool(states.get("on")) != on, f"{name} is so already")
        kind = kind_of(self.things[name].label)
        require(not (on and kind.container and states.get("open")), f"{name} is open")
        states["on"] = on

    def _switch_on(self, name: str, _spot: str) -> None:
        self._switch(name, on=True)

    _start = _switch_on

    def _switch_off(self, name: str, _spot: str) -> None:
        self._switch(name, on=False)

    def _run_water(self, sink: str, faucet: str) -> None:
        self._switch(faucet, on=True)
        for item in self.contents(sink):
            item.states["dirty"] = False
            if kind_of(item.label).fillable:
                item.states["filled"] = True

    def _wash(self, _name: str, sink: str, faucet: str) -> None:
        self._run_water(sink, faucet)

    _fill = _wash

    def _heat(self, _name: str, oven: str) -> None:
        self._switch(oven, on=True)
        for item in self.contents(oven):
            item.states["temperature"] = "Hot"
            if kind_of(item.label).cookable:
                item.states["cooked"] = True

    _cook = _heat

    def _chill(self, name: str, fridge: str) -> None:
        require(self.things[name].states.get("temperature") == "Cold", "it is not in the cold")

    def _slice(self, name: str, knife: str, _spot: str) -> None:
        self.near(name)
        require(self.hand == knife, "there is no knife in the hand")
        require(not self.shut(self.things[name].parent), f"{name} is shut in")
        self.things[name].states["sliced"] = True

    def _empty(self, name: str, _spot: str) -> None:
        self.near(name)
        require(self.things[name].states.get("filled"), f"{name} is empty")
        self.things[name].states["filled"] = False
