"""Rewards from verdicts: of the answer, of the whole solution, of its form, and of its steps."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import transformers

from rl.rewards.numbers import check_finite
from rl.rewards.steps import StepReward
from rl.types import Group, Trajectory
from verifiers.types import Outcome

FORMER_MEASURES: Mapping[str, str] = {"verified": "solution", "sound": "solution"}  # name of before -> of today
JUDGED = (Outcome.CORRECT, Outcome.WRONG)
FORM = frozenset({"format", "tokens", "truncated"})  # measures that no reference answer is needed for
MEASURES: Mapping[str, Callable[[Trajectory], float]] = {
    "correct": lambda t: float(t.verdict.is_correct),
    "score": lambda t: t.verdict.score,
    "format": lambda t: float(t.verdict.is_well_formed),
    "tokens": lambda t: float(t.num_sampled),
    "truncated": lambda t: float(t.is_truncated),
    "answer": lambda t: t.verdict.answer_share,
    "solution": lambda t: t.verdict.solution_share,
}


@dataclass(frozen=True)
class VerifierReward:
    """A weighted sum of what the verifier and the completion say.

    A completion whose verifier failed (outcome ERROR) is no statement about its answer: it gets the mean reward of
    its judged siblings, as part `unjudged`, and so no advantage over them.

    Attributes:
        weights: measure -> weight. Measures: correct, score, format (0/1, well-formed), tokens (count), truncated
            (0/1), answer and solution (the verdict's two shares), and the verdict's other `parts`.
        steps: dense rewards on the tokens of a worked solution, in addition; None for outcome rewards only.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"correct": 1.0})
    steps: StepReward | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.weights, Mapping):
            raise ValueError(f"weights is {self.weights!r}, expected measures with their weights, {{correct: 1.0}}")
        if not self.weights and self.steps is None:
            raise ValueError("weights is empty and there is no step reward: every reward would be 0")
        for name in self.weights:
            if name in FORMER_MEASURES:
                raise ValueError(f"weight {name!r} is now called {FORMER_MEASURES[name]!r}: write that instead")
            check_finite(f"weight {name!r}", self.weights[name])
        if self.weights and self.steps is None and not any(self.weights.values()):
            raise ValueError("every weight is 0, and so would every reward be")

    @property
    def reads_gold(self) -> bool:
        """True unless every measure is about the form of the completion."""
        return self.steps is not None or not set(self.weights) <= FORM

    def compute_rewards(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with one part per weight.

        Raises:
            ValueError: a weight names nothing that the environment's verdicts or this class measure.
        """
        return [self._reward_group(group) for group in groups]

    def _reward_group(self, group: Group) -> Group:
        judged = [t.verdict.outcome is not Outcome.ERROR for t in group.trajectories]
        rewarded = [self._reward_one(t) if ok else t.rewarded({}) for t, ok in zip(group.trajectories, judged)]
        rewards = [t.reward for t, ok in zip(rewarded, judged) if ok]
        neutral = {"unjudged": statistics.fmean(rewards) if rewards else 0.0}
        return replace(group, trajectories=tuple(t if ok else t.rewarded(neutral) for t, ok in zip(rewarded, judged)))

    def _reward_one(self, trajectory: Trajectory) -> Trajectory:
        parts = {name: weight * measure(trajectory, name) for name, weight in self.weights.items()}
        rewarded = trajectory.rewarded(parts)
        return rewarded if self.steps is None else replace(rewarded, token_rewards=self.steps.rewards(trajectory))


def measure(trajectory: Trajectory, name: str) -> float:
    """The measure called `name`: one of MEASURES, or a part of the verdict (0 where the text could not be judged).

    Raises:
        ValueError: the verdict judges the answer and has no part of this name.
    """
    if name in MEASURES:
        return MEASURES[name](trajectory)
    parts = trajectory.verdict.parts
    if name not in parts and trajectory.verdict.outcome in JUDGED:
        known = ", ".join(dict.fromkeys([*MEASURES, *parts]))
        raise ValueError(f"reward weight {name!r} measures nothing in environment {trajectory.problem.env!r}: {known}")
    return parts.get(name, 0.0)


def process_reward(
    tokenizer: str | Callable[[Sequence[int]], str],
    *,
    right: float = 0.0,
    wrong: float = 1.0,
    weights: Mapping[str, float] | None = None,
) -> VerifierReward:
    """Outcome weights (default: correct 1) and dense rewards on the steps of the solution, see `StepReward`.

    Args:
        tokenizer: Hugging Face folder or id of the policy, whose tokenizer says which token ends a step; or a function
            that turns one token into its text.
        weights: as in `VerifierReward`; empty: step rewards alone.
    """
    steps = StepReward(_decoder(tokenizer) if isinstance(tokenizer, str) else tokenizer, right=right, wrong=wrong)
    return VerifierReward({"correct": 1.0} if weights is None else weights, steps)


def _decoder(tokenizer: str) -> Callable[[Sequence[int]], str]:
    loaded = transformers.AutoTokenizer.from_pretrained(tokenizer)
    # end tokens are left out of the text, so that no step ends on the letters of "<eos>"
    return lambda tokens: str(loaded.decode(list(tokens), skip_special_tokens=True))
