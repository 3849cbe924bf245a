"""Our environments as an OpenEnv server, for trainers that speak OpenEnv: `beyond env serve NAME`.

    reset(seed, split, index, level)     problem `index` (default: `seed`) of a split; the observation is its prompt
    step({"message": turn})              what follows the turn; at the end the verdict's score is the reward

A session is one episode. What a client sends is untrusted: turns are bounded, verdicts come from killable processes,
and nothing that is sent back holds the reference answer, or the hash of the hidden content, before or after the end.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

import uvicorn
from fastapi import FastAPI
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment as OpenEnvironment
from openenv.core.env_server.types import Action, ConcurrencyConfig, EnvironmentMetadata, Observation, State
from pydantic import Field

from envs.adapters.openenv_door import Door
from envs.environment import Environment
from envs.graders import EnvGrader
from envs.grading import MAX_RESPONSE_CHARACTERS
from envs.registry import make
from envs.types import EnvSpec, Message, Problem, StopReason
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Verdict

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST = 1 << 62  # of seeds, indices and levels
IDLE_SECONDS = 600.0  # a session that says nothing for so long is closed


class TurnAction(Action):
    """One turn of the policy."""

    message: str = Field(max_length=MAX_RESPONSE_CHARACTERS, description="the policy's turn, as text")


class TurnObservation(Observation):
    """What the policy reads next: the prompt after reset, the environment's answer after a turn."""

    text: str = Field(default="", description="what the policy reads next; empty at the end")


class EpisodeState(State):
    """Where an episode stands."""

    level: int | None = None
    split: str | None = None


class Source:
    """What the sessions of a server share: one environment, one pool of grading processes, one lock around them."""

    def __init__(self, spec: EnvSpec, *, workers: int = 1, deadline_seconds: float = 2.0) -> None:
        self.env: Environment = make(spec)
        self.pool = VerifierPool(EnvGrader(spec), workers=workers, deadline_seconds=deadline_seconds)
        self.lock = threading.Lock()  # sessions are threads; environments of other libraries do not expect them

    def verdict(self, problem: Problem, transcript: tuple[Message, ...]) -> Verdict:
        """The gold verdict on a finished episode."""
        item = transcript if self.env.max_turns > 1 else transcript[-1].content
        return self.pool.grade([(problem, item)])[0]


class ServedEnvironment(OpenEnvironment[TurnAction, TurnObservation, EpisodeState]):
    """One session: an episode of the source's environment."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self._problem: Problem | None = None
        self._turns: list[Message] = []
        self._is_over = True
        self._episode_id: str | None = None

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        split: str = "train",
        index: int | None = None,
        level: int | None = None,
        **_: Any,
    ) -> TurnObservation:
        """The prompt of a problem: problem `index` of (split, seed), or problem `seed` of the split."""
        for name, value in (("seed", seed), ("index", index), ("level", level)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST):
                raise ValueError(f"{name} is {str(value)[:40]!r}, expected a whole number")
        with self.source.lock:
            if index is None:
                self._problem = self.source.env.problem(seed or 0, split=split, level=level)
            else:
                self._problem = self.source.env.problem(index, split=split, seed=seed or 0, level=level)
        self._turns, self._is_over, self._episode_id = [], False, episode_id
        return TurnObservation(text=self._problem.text)

    def step(self, action: TurnAction, timeout_s: float | None = None, **_: Any) -> TurnObservation:
        """What follows a turn; at the end the verdict's score, its outcome and parts, and the reason for the end."""
        if self._problem is None or self._is_over:
            raise RuntimeError("no episode is running: call reset first")
        env = self.source.env
        self._turns.append(Message("assistant", action.message))
        with self.source.lock:
            step = env.step(self._problem, tuple(self._turns))
        num_turns = sum(message.role == "assistant" for message in self._turns)
        stop = step.stop or (StopReason.MAX_TURNS if num_turns >= env.max_turns else None)
        if step.observation is not None and stop is None:
            self._turns.append(Message("tool", step.observation))
            return TurnObservation(text=step.observation, reward=0.0, metadata={"dense_reward": step.reward})
        self._is_over = True
        verdict = self.source.verdict(self._problem, tuple(self._turns))
        metadata = {
            "outcome": verdict.outcome.value,
            "parts": dict(verdict.parts),
            "stop": (stop or StopReason.COMPLETED).value,
            "dense_reward": step.reward,
        }
        return TurnObservation(reward=verdict.score, done=True, metadata=metadata)

    @property
    def state(self) -> EpisodeState:
        """How far the episode is."""
        problem = self._problem
        return EpisodeState(
            episode_id=self._episode_id,
            step_count=sum(message.role == "assistant" for message in self._turns),
            level=problem.level if problem else None,
            split=problem.split if problem else None,
        )

    def get_metadata(self) -> EnvironmentMetadata:
        """Name and summary."""
        summary = (type(self.source.env).__doc__ or "").strip().partition("\n")[0]
        return EnvironmentMetadata(name=self.source.env.name, description=summary)


def make_app(source: Source, *, sessions: int = 64, idle_seconds: float = IDLE_SECONDS) -> FastAPI:
    """The web application of a source.

    Args:
        sessions: episodes at a time.
        idle_seconds: a session that says nothing for so long is closed.
    """
    app = create_fastapi_app(
        lambda: ServedEnvironment(source),
        TurnAction,
        TurnObservation,
        concurrency_config=ConcurrencyConfig(max_concurrent_envs=sessions, session_timeout=idle_seconds),
        env_name=source.env.name,
        state_cls=EpisodeState,
    )
    app.add_middleware(Door)
    return app


class Server:
    """A server that listens from its construction on; `run` serves until it is stopped, `start` does so in a thread.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, spec: EnvSpec, *, host: str = "127.0.0.1", port: int = 8000, sessions: int = 64) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._socket.getsockname()[1]}"
        self.source = Source(spec)
        config = uvicorn.Config(make_app(self.source, sessions=sessions), log_level="warning", ws_max_size=1 << 20)
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serves until Ctrl-C."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.source.pool.close()

    def start(self) -> None:
        """Serves in a thread; returns once it answers."""
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            if not self._thread.is_alive():
                raise RuntimeError("the server ended before it began")

    def stop(self) -> None:
        """Ends what `start` began."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
