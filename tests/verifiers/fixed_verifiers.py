"""Verifiers with a known answer, for tests of what is built around verifiers."""

from __future__ import annotations

import time

from verifiers.types import Outcome, Verdict


class LastLine:
    """CORRECT when the last line is the reference; obeys a few words in the response; refuses the reference `bad`."""

    def __init__(self, shout: bool = False) -> None:
        self.shout = shout

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict."""
        if answer == "bad":
            raise ValueError("this reference is bad")
        if "hang" in response:
            time.sleep(60)
        if "break" in response:
            raise LookupError("no such rule")
        said = (response.splitlines() or [""])[-1]
        said = said.upper() if self.shout else said
        is_right = said == answer
        return Verdict(Outcome.CORRECT if is_right else Outcome.WRONG, float(is_right), said, "compared")


class Always:
    """Gives the verdict it was made with."""

    def __init__(self, outcome: str = "correct", score: float = 1.0) -> None:
        self.verdict = Verdict(Outcome(outcome), score, detail=f"always {outcome}")

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict."""
        return self.verdict


shared = Always("wrong", 0.0)


def make_always(outcome: str) -> Always:
    """A factory function."""
    return Always(outcome)


not_a_verifier = 3
