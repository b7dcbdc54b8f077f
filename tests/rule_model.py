"""A "language model" made of rules: it knows nothing but the prompt, and answers with a plan."""

import json
import re
from dataclasses import dataclass, field

from llm_server import Request

_LINE = re.compile(r"(?P<id>\w+) \((?P<label>[^)]*)\)(?P<rest>.*)")
_PARENT = re.compile(r"; (?:on|in) (\w+_\d+)")
_ATOM = re.compile(r"(\w+)\(([^)]*)\)")
_SHUT = ("fridge", "microwave", "cabinet", "drawer", "safe", "box")


@dataclass
class Remembered:
    """One line of the prompt's memory."""

    id: str
    label: str
    parent: str
    states: str


@dataclass
class RuleModel:
    """Reads the prompt, plans one thing after another."""

    readings: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)
    """How tasks in words are to be read, by a word in them."""

    def __call__(self, request: Request) -> str:
        """Answer a request."""
        prompt = request.prompt
        self.things = {t.id: t for t in map(self._read, block(prompt, "memory")) if t}
        holding = re.search(r'In the hand: "(\w+)"', prompt)
        self.hand = holding[1] if holding else ""
        self.steps: list[dict[str, str]] = []
        goal = self._goal(prompt)
        for predicate, terms in goal:
            if not self._achieve(predicate, terms):
                break
        atoms = [{"predicate": predicate, "terms": terms} for predicate, terms in goal]
        return json.dumps({"goal": atoms, "steps": self.steps, "thought": "by rule"})

    def _goal(self, prompt: str) -> list[tuple[str, list[str]]]:
        given = re.search(r"As conditions: (.*)", prompt)
        if given:
            return [(p, re.split(r",\s*", inside)) for p, inside in _ATOM.findall(given[1])]
        task = json.loads(re.findall(r"Task: (.*)", prompt)[0])
        return next(goal for word, goal in self.readings.items() if word in task)

    def _read(self, line: str) -> Remembered | None:
        found = _LINE.fullmatch(line)
        if found is None or "gone" in found["rest"]:
            return None
        parent = _PARENT.search(found["rest"])
        return Remembered(found["id"], found["label"], parent[1] if parent else "", found["rest"])

    def _do(self, skill: str, thing: str, place: str = "") -> None:
        self.steps.append({"skill": skill, "object": thing, "place": place})

    def _of(self, label: str) -> Remembered | None:
        folded = re.sub(r"[^a-z]", "", label.lower())
        same = [t for t in self.things.values() if t.label.lower() == folded or t.id == label]
        return same[0] if same else None

    def _achieve(self, predicate: str, terms: list[str]) -> bool:
        """Plan for one condition; False where something must be found first."""
        found = self._all_of(terms)
        if predicate == "clean":
            return bool(found) and self._wash(found[0])
        if predicate == "held" and found:
            self._take(found[0])
        if len(found) == 2 and found[0].parent != found[1].id:
            self._take(found[0])
            self._put(found[0], found[1])
        return bool(found)

    def _all_of(self, labels: list[str]) -> list[Remembered]:
        """Return what some labels mean; none, and a `find`, where one means nothing."""
        found = {label: self._of(label) for label in labels}
        for label, thing in found.items():
            if thing is None:
                self._do("find", label)
                return []
        return [thing for thing in found.values() if thing is not None]

    def _take(self, thing: Remembered) -> None:
        if self.hand == thing.id:
            return
        inside = self.things.get(thing.parent)
        shut = inside.id if inside is not None and inside.label.lower() in _SHUT else ""
        if shut:
            self._do("open", shut)
        self._do("pickup", thing.id)
        if shut:
            self._do("close", shut)
        self.hand, thing.parent = thing.id, ""

    def _put(self, thing: Remembered, place: Remembered) -> None:
        shuts = place.label.lower() in _SHUT
        if shuts:
            self._do("open", place.id)
        self._do("put", thing.id, place.id)
        if shuts:
            self._do("close", place.id)
        self.hand, thing.parent = "", place.id

    def _wash(self, thing: Remembered) -> bool:
        found = self._all_of(["sinkbasin", "faucet"])
        if not found:
            return False
        sink = found[0]
        if thing.parent != sink.id:
            self._take(thing)
            self._put(thing, sink)
        self._do("wash", thing.id)
        return True


def block(prompt: str, name: str) -> list[str]:
    """Return the strings of a block of data."""
    found = re.search(rf"<{name}>\n(.*?)\n</{name}>", prompt, re.DOTALL)
    return [json.loads(line) for line in found[1].split("\n")] if found else []
