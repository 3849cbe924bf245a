"""Dense rewards on the steps of a worked solution, from the verdict's first wrong step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rl.types import Trajectory
from verifiers.types import Outcome


@dataclass(frozen=True)
class StepReward:
    """Process reward from the verdict's first wrong step, paid on the last token of each step.

    Steps before the first wrong one share `right` evenly over all steps written (so that padding with more steps earns
    nothing), the first wrong one costs `wrong`, and what follows it, built on sand, gets 0.

    Attributes:
        decode: token ids -> text, the policy's `decode`; called on one token at a time.
        separators: characters that end a step.
        right, wrong: total paid for right steps; price of the first wrong one. Both 0 or more.
    """

    decode: Callable[[Sequence[int]], str]
    separators: str = ";\n"
    right: float = 0.0
    wrong: float = 1.0

    def rewards(self, trajectory: Trajectory) -> tuple[float, ...]:
        """One number per completion token."""
        ends = self.step_ends(trajectory.completion.tokens)
        first_wrong = trajectory.verdict.first_wrong_step
        rewards = [0.0] * len(trajectory.completion.tokens)
        if trajectory.verdict.outcome is Outcome.ERROR:
            return tuple(rewards)
        for step, position in enumerate(ends):
            if first_wrong is None or step < first_wrong:
                rewards[position] += self.right / len(ends)
            elif step == first_wrong:
                rewards[position] -= self.wrong
        return tuple(rewards)

    def step_ends(self, tokens: Sequence[int]) -> list[int]:
        """Positions of the tokens that end a step; an unfinished last step ends with the last token."""
        ends: list[int] = []
        has_content = False
        for position, token in enumerate(tokens):
            for character in self.decode((token,)):
                if character in self.separators:
                    if has_content:
                        ends.append(position)
                    has_content = False
                elif not character.isspace():
                    has_content = True
        if has_content and tokens:
            ends.append(len(tokens) - 1)
        return ends
