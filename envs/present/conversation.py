"""One problem of an environment played from outside, turn by turn; what trainers that roll out themselves are given."""

from __future__ import annotations

from envs.environment import Environment
from envs.graders import EnvGrader
from envs.turns import step_after
from envs.types import EnvSpec, Message, Problem, StopReason
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome, Verdict

OVER = "The conversation is over."


class Conversation:
    """The turns of one problem so far.

    Args:
        env: made by name, so that grading processes can build it.
        grading: the processes that grade.
    """

    def __init__(self, env: Environment, problem: Problem, grading: VerifierPool) -> None:
        self.env, self.problem, self.grading = env, problem, grading
        self.turns: list[Message] = []
        self.stop: StopReason | None = None

    def say(self, text: str) -> str:
        """What the environment answers to a turn; empty at the end, and OVER after it."""
        if self.stop is not None:
            return OVER
        self.turns.append(Message("assistant", text))
        step = step_after(self.env, self.problem, tuple(self.turns))
        num_said = sum(message.role == "assistant" for message in self.turns)
        self.stop = step.stop or (StopReason.MAX_TURNS if num_said >= self.env.max_turns else None)
        if step.observation is None or self.stop is not None:
            return ""
        self.turns.append(Message("tool", step.observation))
        return step.observation

    def verdict(self) -> Verdict:
        """The verdict on the turns so far; NO_ANSWER where nothing was said."""
        if not self.turns:
            return Verdict(Outcome.NO_ANSWER, 0.0, detail="nothing was said")
        item = tuple(self.turns) if self.env.max_turns > 1 else self.turns[-1].content
        return self.grading.grade([(self.problem, item)])[0]


def grading_processes(spec: EnvSpec, *, workers: int = 1, deadline_seconds: float = 2.0) -> VerifierPool:
    """Killable processes that grade conversations of an environment."""
    return VerifierPool(EnvGrader(spec), workers=workers, deadline_seconds=deadline_seconds)
