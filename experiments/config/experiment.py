"""What an experiment is: a shared start, the arms that leave from it, and how all of them are measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from experiments.config.arms.base import START
from experiments.config.arms.kinds import AnyArm, RlArm, spell_out_own
from experiments.config.labels import PREFERENCES
from experiments.config.sections import Shared

LONGEST_NAME = 64  # of an arm: it becomes a folder, whose name is part of others
RESERVED = {START, "start", PREFERENCES, "demonstrator"}  # other rows and folders of a study; start is of before


def _rl_alone() -> dict[str, AnyArm]:
    return {"rl": RlArm()}


class Experiment(Shared):
    """One config file: a shared start and the arms that leave from it."""

    arms: dict[str, AnyArm] = Field(default_factory=_rl_alone)  # run in this order

    @model_validator(mode="before")
    @classmethod
    def _spell_out_arms(cls, value: Any) -> Any:
        """`name: method` is short for `name: {method: method}`, the method is rl where none is given, and a null arm is
        left out: how a file drops one that its base has."""
        if not (isinstance(value, Mapping) and isinstance(value.get("arms"), Mapping)):
            return value
        arms: dict[str, Any] = {}
        for name, arm in value["arms"].items():
            if isinstance(arm, str):
                arms[name] = spell_out_own({"method": arm})
            elif isinstance(arm, Mapping):
                arms[name] = spell_out_own({"method": "rl", **arm})
            elif arm is not None:
                arms[name] = arm
        return {**value, "arms": arms}

    @model_validator(mode="after")
    def _arms_are_sound(self) -> Experiment:
        if not self.arms:
            raise ValueError("arms is empty: name at least one, e.g. `arms: {rl: {method: rl, reward: verifier}}`")
        earlier: list[str] = []
        for name, arm in self.arms.items():
            if name in RESERVED or name.startswith(f"{PREFERENCES}-"):
                raise ValueError(f"an arm may not be called {name!r}: that name is taken by another part of a study")
            if len(name) > LONGEST_NAME:
                raise ValueError(f"arm {name[:20]!r}... has {len(name)} characters, expected {LONGEST_NAME} at most")
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"arm name {name!r}: expected letters, digits, - and _ (it becomes a folder)")
            for other in arm.builds_on:
                if other not in earlier:
                    raise ValueError(
                        f"arm {name!r} builds on {other!r}, which is no arm before it: arms run in the order of the "
                        f"file, and those before are {', '.join(earlier) or 'none'}"
                    )
                if not self.arms[other].has_policy:
                    raise ValueError(f"arm {name!r} builds on {other!r}, which trains no policy")
            earlier.append(name)
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds are {list(self.seeds)}: each may be there once, since it names a folder")
        if self.rl.group_size * self.rl.problems_per_step < 2:
            raise ValueError("rl.group_size x rl.problems_per_step must be at least 2")
        return self

    def only(self, arm: str) -> Experiment:
        """The experiment with this arm alone, and those that it builds on."""
        wanted = {arm}
        for name in reversed(self.arms):
            if name in wanted:
                wanted |= set(self.arms[name].builds_on)
        return self.model_copy(update={"arms": {name: a for name, a in self.arms.items() if name in wanted}})
