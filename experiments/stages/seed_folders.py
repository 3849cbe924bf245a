"""The folders of one seed of a study; a name with `policy` is the path of one that was saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.config.arms.base import START
from experiments.run.folders import RunFolder

GIVEN = "given"  # folder within sft: weights that were taken over and not yet tested
UNTRAINED = "untrained"  # folder of a policy before any training, which workers load for its shape


@dataclass(frozen=True)
class SeedFolders:
    """Where the stages of a seed write, and where later ones find it.

    Attributes:
        root: seed-S of the study; the folders of stages and arms lie in it.
    """

    root: Path

    def stage(self, name: str) -> RunFolder:
        """The folder of a stage or arm."""
        return RunFolder(self.root / name)

    @property
    def start(self) -> RunFolder:
        """The folder of the shared start."""
        return self.stage(START)

    @property
    def start_policy(self) -> Path:
        """The policy that every arm starts from."""
        return self.root / START / "policy"

    @property
    def untrained_policy(self) -> Path:
        """The policy before imitation. Workers load it; the weights of every stage are published to them."""
        return self.root / START / UNTRAINED
