"""A room of coloured boxes to act in, and a planner that follows a script."""

from dataclasses import dataclass, field, replace

import numpy as np
from box_world import BoxWorld, feature

from embodied_mem.errors import BackendError
from embodied_mem.goals import Goal, Progress, fold
from embodied_mem.interfaces import Decision, Step
from embodied_mem.memory import Memory
from embodied_mem.types import Action, Frame, Instance, Percept, Truth

START = (-1.0, -1.5, 0.6)


@dataclass
class BoxBackend:
    """Moves by 0.25 m, turns by 30 degrees, switches on what lies at an image point."""

    world: BoxWorld = field(default_factory=lambda: furnished_room())  # noqa: PLW0108
    pose: tuple[float, float, float] = START
    calls: list[str] = field(default_factory=list)
    closed: int = 0
    breaks_after: int | None = None

    def reset(self) -> Step:
        self.pose = START
        self.calls.append("reset")
        for thing in self.world.things.values():
            if "on" in thing.attributes:
                thing.attributes["on"] = False
        return Step(frame=self.frame())

    def step(self, action: Action) -> Step:
        if self.breaks_after is not None and len(self.calls) > self.breaks_after:
            raise BackendError("the simulator is gone.")
        self.calls.append(action.name)
        x, y, yaw = self.pose
        match action.name:
            case "MoveAhead":
                x, y = x + 0.25 * np.cos(yaw), y + 0.25 * np.sin(yaw)
            case "RotateLeft":
                yaw += np.pi / 6
            case "RotateRight":
                yaw -= np.pi / 6
            case "ToggleObjectOn":
                if not self._switch(action):
                    return Step(
                        frame=self.frame(), action_success=False, message="nothing there to switch"
                    )
            case "Pass":
                pass
            case _:
                return Step(
                    frame=self.frame(),
                    action_success=False,
                    message=f"Invalid action: {action.name}",
                )
        if max(abs(x), abs(y)) > 4.5:
            return Step(frame=self.frame(), action_success=False, message="Wall is blocking")
        self.pose = (float(x), float(y), float(yaw))
        return Step(frame=self.frame())

    def close(self) -> None:
        self.closed += 1

    def judge(self, goal: Goal) -> Progress:
        on = {fold(t.label) for t in self.world.things.values() if t.attributes.get("on") is True}
        met = sum(a.predicate == "on" and a.terms[0].label in on for a in goal.atoms)
        return Progress(met, len(goal.atoms))

    def frame(self) -> Frame:
        frame, ids = self.world.frame(*self.pose)
        things = list(self.world.things.items())
        palette = np.array([[182, 178, 170], *(_colour(i) for i in range(len(things)))], np.uint8)
        assert frame.depth is not None
        shade = np.clip(1.25 - frame.depth / 9, 0.4, 1)[..., None]
        return replace(
            frame,
            rgb=(palette[ids] * shade).astype(np.uint8),
            truth=Truth(
                ids=ids.astype(np.int32),
                instances={
                    i: Instance(object_id=name, label=t.label, attributes=dict(t.attributes))
                    for i, (name, t) in enumerate(things, start=1)
                },
            ),
        )

    def _switch(self, action: Action) -> bool:
        _, ids = self.world.frame(*self.pose)
        u, v = float(action.arguments["x"]), float(action.arguments["y"])
        number = ids[int(v * (len(ids) - 1)), int(u * (len(ids) - 1))]
        thing = list(self.world.things.values())[number - 1] if number else None
        if thing is None or "on" not in thing.attributes:
            return False
        thing.attributes["on"] = True
        return True


@dataclass
class ScriptedPlanner:
    """Plays decisions one after another, then says Done."""

    script: list[Decision]
    started: list[Goal] = field(default_factory=list)
    heard: list[tuple[bool, str]] = field(default_factory=list)

    def start(self, goal: Goal) -> None:
        self.started.append(goal)
        self._next = iter(self.script)

    def act(self, memory: Memory, *, succeeded: bool, message: str) -> Decision:
        self.heard.append((succeeded, message))
        done = Decision(action=Action(name="Done"), reason="the script is over")
        return next(self._next, done)


def look_round(steps: int = 12) -> list[Decision]:
    """Return a turn on the spot."""
    return [decision("RotateLeft", "explore", "looking round") for _ in range(steps)]


def decision(name: str, phase: str = "act", reason: str = "", **arguments) -> Decision:
    plan = ("look round", "go to the lamp", "switch the lamp on") if phase != "explore" else ()
    return Decision(
        action=Action(name=name, arguments=arguments), phase=phase, reason=reason, plan=plan
    )


def box_percept(frame: Frame) -> Percept:
    """Return what the frame's truth shows, without points."""
    assert frame.truth is not None
    numbers = [int(n) for n in np.unique(frame.truth.ids) if n > 0]
    seen = [frame.truth.instances[n] for n in numbers]
    return Percept(
        frame=frame,
        masks=np.array([frame.truth.ids == n for n in numbers]).reshape(-1, *frame.rgb.shape[:2]),
        labels=tuple(instance.label for instance in seen),
        scores=np.ones(len(seen)),
        features=np.array([feature(i.label) for i in seen], np.float32).reshape(-1, 8),
        points=tuple(np.zeros((0, 3), np.float32) for _ in seen),
        boxes=np.full((len(seen), 2, 3), np.nan),
        attributes=tuple(instance.attributes for instance in seen),
    )


def furnished_room(pixels: int = 96) -> BoxWorld:
    """Return a room with furniture, small things and a lamp that can be switched."""
    world = BoxWorld(pixels=pixels)
    world.add("table", "DiningTable", (1.5, 0.5, 0.4), (1.6, 0.9, 0.8))
    world.add("mug", "Mug", (1.2, 0.4, 0.86), (0.12, 0.12, 0.12), dirty=True)
    world.add("bowl", "Bowl", (1.8, 0.6, 0.86), (0.2, 0.2, 0.12))
    world.add("sofa", "Sofa", (-2.5, 3.0, 0.4), (2.0, 0.9, 0.8))
    world.add("pillow", "Pillow", (-2.9, 3.0, 0.9), (0.5, 0.4, 0.2))
    world.add("lamp", "FloorLamp", (2.8, -2.4, 0.8), (0.4, 0.4, 1.6), on=False)
    world.add("shelf", "Shelf", (3.6, 2.8, 0.9), (0.8, 1.6, 1.8))
    return world


def _colour(i: int) -> tuple[int, int, int]:
    random = np.random.default_rng(i + 3)
    r, g, b = random.integers(60, 240, 3).tolist()
    return r, g, b
