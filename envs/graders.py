"""What a `VerifierPool` pickles into its workers: graders that hold names, and build what they name where they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envs.environment import Environment
from envs.registry import make
from envs.types import EnvSpec, Message, Problem
from verifiers import registry
from verifiers.types import Verdict, Verifier


class EnvGrader:
    """Grades (problem, response or conversation) pairs of one environment; built lazily, once per process.

    What a `VerifierPool` pickles into its workers: it holds the spec, never the environment.
    """

    def __init__(self, spec: EnvSpec) -> None:
        self.spec = spec
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
            self._env = make(self.spec)
        return self._env

    def __getstate__(self) -> dict[str, Any]:
        return {"spec": self.spec}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["spec"])  # type: ignore[misc]


class VerifierGrader:
    """Grades responses to any environment's problems by comparing them with the reference answer.

    Of a conversation the last turn is judged. Like `EnvGrader`, it holds names and is built once per process.
    """

    def __init__(self, name: str, settings: Mapping[str, Any] | None = None) -> None:
        self.name, self.settings = name, dict(settings or {})
        self._verifier: Verifier | None = None

    def __call__(self, item: tuple[Problem, str | Sequence[Message]]) -> Verdict:
        """The verdict on one response."""
        problem, response = item
        return self._ready().verify(response if isinstance(response, str) else response[-1].content, problem.answer)

    def warm_up(self) -> None:
        """Let the verifier import what it needs, before a deadline runs."""
        getattr(self._ready(), "warm_up", lambda: None)()

    def _ready(self) -> Verifier:
        if self._verifier is None:
            self._verifier = registry.make(self.name, **self.settings)
        return self._verifier

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "settings": self.settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["name"], state["settings"])  # type: ignore[misc]
