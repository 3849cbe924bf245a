"""What a pool is given to grade with: a verifier by name, made where it is used."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from verifiers.judges.combine import warm_up_all
from verifiers.registry import make
from verifiers.types import Verdict, Verifier


class VerifierGrader:
    """Grades (response, answer) pairs with a verifier that is made in the process that uses it; pickles.

    Args:
        verifier: a registered name with its settings, or a verifier, which must pickle.
    """

    def __init__(self, verifier: str | Verifier = "symbolic", **settings: Any) -> None:
        if not isinstance(verifier, str) and settings:
            raise ValueError(f"settings {sorted(settings)} are for a verifier's name, got an object")
        self.verifier = verifier
        self.settings = settings

    def __call__(self, item: tuple[str, str]) -> Verdict:
        """The verdict on one pair."""
        return self._made.verify(*item)

    def warm_up(self) -> None:
        """Make the verifier and let it import what it needs, before a deadline runs."""
        warm_up_all([self._made])

    @cached_property
    def _made(self) -> Verifier:
        return make(self.verifier, **self.settings) if isinstance(self.verifier, str) else self.verifier

    def __getstate__(self) -> dict[str, Any]:
        return {"verifier": self.verifier, "settings": self.settings}
