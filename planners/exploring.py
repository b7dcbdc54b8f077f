"""Looks for a kind of thing, one lead after another."""

from dataclasses import dataclass

from py_trees.behaviour import Behaviour

from planners import search
from planners.skills import Skills


@dataclass(slots=True)
class Explorer:
    """Chooses where to look next."""

    skills: Skills
    looked_around: bool = False

    def next_look(self, labels: frozenset[str]) -> Behaviour | None:
        """Return the tree of the best look for things of some types; None when none is left."""
        if not self.looked_around:
            self.looked_around = True
            if not self.skills.surroundings_known():
                return self.skills.look_around()
        leads = search.leads(self.skills.situation, self.skills.pilot, self.skills.log, [labels])
        return self.skills.follow(leads[0]) if leads else None
