"""What a pool is given to grade with: a verifier by name, made where it is used."""

from __future__ import annotations

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
        self._made: Verifier | None = None

    def __call__(self, item: tuple[str, str]) -> Verdict:
        """The verdict on one pair."""
        response, answer = item
        return self._ready().verify(response, answer)

    def warm_up(self) -> None:
        """Make the verifier and let it import what it needs, before a deadline runs."""
        warm_up_all([self._ready()])

    def _ready(self) -> Verifier:
        if self._made is None:
            self._made = make(self.verifier, **self.settings) if isinstance(self.verifier, str) else self.verifier
        return self._made

    def __getstate__(self) -> dict[str, Any]:
        return {"verifier": self.verifier, "settings": self.settings, "_made": None}
