"""Dense rewards on the steps of a worked solution, from what the verdict says of each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rl.rewards.numbers import check_finite
from rl.types import Trajectory
from verifiers.types import Outcome

MAX_UNREAD = 16  # characters that tokens without text of their own (parts of a letter) may leave before the next token


@dataclass(frozen=True)
class StepReward:
    """Process reward from the verdict's steps, paid on the last token of each.

    A step before the first wrong one earns `right` times its share of the work: the operations that it carries out,
    over those of the reference solution or, if these are more, of all steps written (so that neither padding nor
    stopping early earns anything). The first wrong step costs `wrong`, and what follows it, built on sand, gets 0. The
    conclusion is a step of one operation: an answer that is announced too early costs `wrong` where it is announced.

    Attributes:
        decode: token ids -> text, the policy's `decode`; called on one token at a time.
        right, wrong: paid for a whole right solution; price of the first wrong step. Both 0 or more.
    """

    decode: Callable[[Sequence[int]], str]
    right: float = 0.0
    wrong: float = 1.0

    def __post_init__(self) -> None:
        for name in ("right", "wrong"):
            check_finite(name, getattr(self, name), least=0)

    def rewards(self, trajectory: Trajectory) -> tuple[float, ...]:
        """One number per completion token."""
        verdict = trajectory.verdict
        rewards = [0.0] * len(trajectory.completion.tokens)
        if verdict.outcome is Outcome.ERROR or not rewards:
            return tuple(rewards)
        ends = self.step_ends(trajectory)
        first_wrong = verdict.first_wrong_step
        work = max(sum(step.size for step in verdict.steps), len(trajectory.problem.solution) + 1)
        for position, step in zip(ends[:first_wrong], verdict.steps):
            rewards[position] += self.right * step.size / work
        if first_wrong is not None:
            rewards[ends[first_wrong]] -= self.wrong
        return tuple(rewards)

    def step_ends(self, trajectory: Trajectory) -> list[int]:
        """Position of the last token of each of the verdict's steps."""
        mask = trajectory.action_mask or (1,) * len(trajectory.completion.tokens)
        own = [position for position, is_own in enumerate(mask) if is_own]
        starts = self._starts(_written(trajectory), [trajectory.completion.tokens[position] for position in own])
        return [own[max(0, bisect_left(starts, step.span[1]) - 1)] for step in trajectory.verdict.steps]

    def _starts(self, text: str, tokens: Sequence[int]) -> list[int]:
        """Where each token's own text begins in `text`; ascending. A token without text stands where the next does."""
        starts, at = [], 0
        for token in tokens:
            piece = self.decode((token,)).strip()
            found = text.find(piece, at, at + len(piece) + MAX_UNREAD) if piece else -1
            starts.append(at if found < 0 else found)
            at = at if found < 0 else found + len(piece)
        return starts


def _written(trajectory: Trajectory) -> str:
    """What the policy wrote: the text that the spans of the verdict's steps count in."""
    if trajectory.transcript is None:
        return trajectory.completion.text
    return "\n".join(message.content for message in trajectory.transcript if message.role == "assistant")
