"""Environments in which trl's trainers roll out themselves: `GRPOTrainer(environment_factory=...)`.

Rows are those of `rows(env, "prompt_only")`, whose column `problem` says which problem a rollout is of. The model talks
to the environment through one tool, `say`, in which it also gives its answer; the verdict's score is the reward.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from envs.environment import Environment
from envs.present.conversation import Conversation, grading_processes
from envs.registry import make
from envs.types import EnvSpec, Problem
from verifiers.pool.verifier_pool import VerifierPool

INSTRUCTION = "\n\nSay every turn with the tool `say`, your answer too: its text must end with #### and the answer."


class TrlEnvironment:
    """A rollout of one environment of ours; a subclass names the environment (see `environment_factory`)."""

    env: ClassVar[Environment]
    grading: ClassVar[VerifierPool]

    def reset(self, problem: str, **_: Any) -> str:
        """Begins the rollout of a row's problem; returns what is added to its prompt."""
        self._conversation = Conversation(self.env, Problem.from_json(json.loads(problem)), self.grading)
        return INSTRUCTION

    def say(self, text: str) -> str:
        """Says a turn to the environment and returns what it answers.

        Args:
            text: The turn: a move, a question, or the solution with its answer.

        Returns:
            What follows the turn; empty when the conversation is over.
        """
        return self._conversation.say(text)

    def get_reward(self) -> float:
        """The verdict's score of what was said."""
        return self._conversation.verdict().score


def environment_factory(env: Environment | EnvSpec | str, **grading: Any) -> Callable[[], TrlEnvironment]:
    """What `trl.GRPOTrainer(environment_factory=...)` takes.

    Args:
        grading: settings of the grading processes (workers, deadline_seconds); they end with this process.
    Raises:
        ValueError: an environment that was not made by name.
    """
    built = env if isinstance(env, Environment) else make(env)
    if built.spec is None:
        raise ValueError(f"environment {built.name!r} was not made by name; use envs.make(NAME)")
    name = "".join(part for part in built.spec.name.rpartition(":")[2].title() if part.isalnum())
    body = {"env": built, "grading": grading_processes(built.spec, **grading), "__doc__": TrlEnvironment.__doc__}
    return type(f"{name}Environment", (TrlEnvironment,), body)
