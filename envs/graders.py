"""What a `VerifierPool` pickles into its workers: graders that hold names, and build what they name where they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envs.environment import Environment
from envs.registry import make
from envs.types import EnvSpec, Message, Problem
from verifiers.algebra.sampling import salt_points
from verifiers.grader import VerifierGrader
from verifiers.types import Verdict, Verifier


class EnvGrader:
    """Grades (problem, response or conversation) pairs of one environment; built lazily, once per process.

    What a `VerifierPool` pickles into its workers: it holds the spec, never the environment.

    Args:
        salt: of the run, from its seed: mixed into the choice of the random points at which expressions are compared,
            so that no answer can be written for them and a repeated run judges alike; None: that of the process.
        leniently: judge as test sets usually are, where the environment can (`Environment.leniently`).
    """

    def __init__(self, spec: EnvSpec, *, salt: str | None = None, leniently: bool = False) -> None:
        self.spec, self.salt, self.leniently = spec, salt, leniently
        self._env: Environment | None = None

    def __call__(self, item: tuple[Problem, str | Sequence[Message]]) -> Verdict:
        """The verdict on one response, or on a conversation."""
        env = self._ready()
        problem, response = item
        if isinstance(response, str):
            return env.grade(problem, response)
        return env.grade_transcript(problem, response)

    def warm_up(self) -> None:
        """Build the environment and let its verifier import what it needs, before a deadline runs."""
        env = self._ready()
        if isinstance(env.verify, str | Mapping | Verifier):  # a check has nothing to load
            getattr(env.verifier, "warm_up", lambda: None)()

    def _ready(self) -> Environment:
        if self._env is None:
            env = make(self.spec)
            self._env = (env.leniently() or env) if self.leniently else env
            if self.salt is not None:
                salt_points(self.salt)
        return self._env

    def __getstate__(self) -> dict[str, Any]:
        return {"spec": self.spec, "salt": self.salt, "leniently": self.leniently}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


class AnswerGrader(VerifierGrader):
    """Grades responses to any environment's problems by comparing them with the reference answer.

    Of a conversation the last turn is judged. Like `EnvGrader`, it holds names and is built once per process.
    """

    def __call__(self, item: tuple[Problem, str | Sequence[Message]]) -> Verdict:  # type: ignore[override]
        """The verdict on one response."""
        problem, response = item
        return super().__call__((response if isinstance(response, str) else response[-1].content, problem.answer))
