"""Environments that keep their state to themselves, fitted to ours, where the transcript is the state.

A session is an episode that runs elsewhere. To continue a transcript, a session is reset with the problem's seed and
does the transcript's actions again; one that was kept open from the turn before takes only the last. Every word that
the transcript holds is compared with what comes back, so an environment that ignores its seed is found at once, and
its rollouts are errors rather than lessons.
"""

from __future__ import annotations

import hashlib
import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from envs.environment import Environment
from envs.types import Message, Problem, Step, StopReason
from verifiers.types import Outcome, Verdict

IDENTITIES = ("auto", "observation", "seed")
AUTO_SEEDS = 4  # resets whose first observations decide what "auto" means
MAX_OBSERVATION_CHARACTERS = 20_000


@dataclass(frozen=True)
class Frame:
    """What an episode shows after its reset or after an action; `reward` is that of the action."""

    observation: str
    reward: float = 0.0
    is_over: bool = False


class SessionFault(RuntimeError):
    """An environment failed at an action, or does not repeat itself; the rollout is an error, not a wrong answer."""


class Session(Protocol):
    """One episode that runs elsewhere."""

    def reset(self, seed: int) -> Frame:
        """Begins the episode of a seed."""
        ...

    def act(self, turn: str) -> Frame:
        """Does the action that a turn writes.

        Raises:
            ValueError: the turn is no action.
            SessionFault: the environment failed at it.
        """
        ...

    def close(self) -> None:
        """Ends the session."""
        ...


class EpisodeEnvironment(Environment):
    """Base of such environments: a subclass gives `open`, and calls this constructor last.

    Args:
        success: the sum of rewards from which on an episode counts as solved.
        max_turns: turns of the policy.
        instruction: text before the first observation.
        identity: what tells problems apart, and so decides their split. "observation": the first observation, where it
            states the problem. "seed": the seed, where the first observation hides what differs; then two seeds that
            stand for one problem are not recognised. "auto": the observation, unless several seeds show the same.
        keep_open: sessions that wait for their next turn in each process; 0: each is closed after its turn and done
            again for the next.
    Raises:
        ValueError: a setting outside its range.
    """

    has_reference = False

    def __init__(
        self,
        *,
        name: str,
        success: float,
        max_turns: int,
        instruction: str = "",
        identity: str = "auto",
        keep_open: int = 0,
    ) -> None:
        if identity not in IDENTITIES:
            raise ValueError(f"identity is {identity!r}, expected one of {', '.join(IDENTITIES)}")
        if max_turns < 1 or keep_open < 0:
            raise ValueError(f"max_turns is {max_turns} and keep_open {keep_open}, expected at least 1 and 0")
        self.name = name  # type: ignore[misc]  # keys randomness: each source has its own stream
        self.success = success
        self.max_turns = max_turns
        self.instruction = instruction
        self.keep_open = keep_open
        self._waiting: OrderedDict[tuple[int, tuple[str, ...]], tuple[Session, list[Frame]]] = OrderedDict()
        self.identity = self._settle_identity() if identity == "auto" else identity

    def open(self) -> Session:
        """A session that was not reset yet."""
        raise TypeError(f"environment {type(self).__name__} defines no open()")

    def _settle_identity(self) -> str:
        session = self.open()
        try:
            shown = {session.reset(seed).observation for seed in range(AUTO_SEEDS)}
        finally:
            session.close()
        return "observation" if len(shown) > 1 else "seed"

    def generate(self, rng: random.Random, level: int) -> Problem:
        """An episode: a seed and the first observation."""
        seed = rng.getrandbits(31)
        session = self.open()
        try:
            prompt = self._prompt(session.reset(seed))
        finally:
            session.close()
        content = prompt if self.identity == "observation" else f"seed {seed}"
        info = {"seed": seed, "opening": _fingerprint(prompt)}
        return Problem(prompt, "", info=info, canonical=f"{self.name} {content}")

    def draw(self, index: int, *, split: str, seed: int, level: int | None) -> Problem:
        """Problem `index` of a split.

        Raises:
            ValueError: see `Environment.draw`; a space that looks too small may be one that hides what differs.
        """
        try:
            return super().draw(index, split=split, seed=seed, level=level)
        except ValueError as error:
            if self.identity == "seed" or "too small" not in str(error):
                raise
            hint = "where the first observation hides what differs between seeds, set identity=seed"
            raise ValueError(f"{error}; {hint}") from error

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """The observation after the last action, its reward, and the end where the episode ends."""
        try:
            frame = self._play(problem, transcript)[-1]
        except ValueError:
            return Step(None, stop=StopReason.PARSE_ERROR)
        except SessionFault:
            return Step(None, stop=StopReason.ERROR)
        if frame.is_over:
            return Step(None, frame.reward, StopReason.COMPLETED)
        return Step(frame.observation, frame.reward)

    def grade_transcript(self, problem: Problem, transcript: Sequence[Message]) -> Verdict:
        """CORRECT when the rewards add up to `success`; `parts["return"]` holds the sum, clipped to [0, 1]."""
        try:
            frames = self._play(problem, transcript)
        except ValueError as error:
            return Verdict(Outcome.UNPARSEABLE, 0.0, detail=str(error)[:200])
        except SessionFault as fault:
            return Verdict(Outcome.ERROR, 0.0, detail=str(fault)[:300])
        total = sum(frame.reward for frame in frames[1:])
        parts = {"return": min(1.0, max(0.0, total / self.success if self.success else total))}
        outcome = Outcome.CORRECT if total >= self.success else Outcome.WRONG
        return Verdict(outcome, float(outcome is Outcome.CORRECT), detail=f"return {total:g}", parts=parts)

    def grade(self, problem: Problem, response: str) -> Verdict:
        """Grades a response that is the whole episode: one turn."""
        return self.grade_transcript(problem, [Message("assistant", response)])

    def _prompt(self, frame: Frame) -> str:
        return "\n".join(part for part in (self.instruction, _cut(frame.observation)) if part)

    def _play(self, problem: Problem, transcript: Sequence[Message]) -> list[Frame]:
        """The frames of a transcript: one for the reset, one for each action until the episode ends.

        Raises:
            ValueError: a turn is no action.
            SessionFault: the environment failed, or gave other words than the transcript holds.
        """
        seed = int(problem.info["seed"])
        actions = tuple(message.content for message in transcript if message.role == "assistant")
        key = (seed, actions[:-1])
        session, frames = self._waiting.pop(key) if key in self._waiting else (self.open(), [])
        kept = False
        try:
            if not frames:
                frames = [_cut_frame(session.reset(seed))]
                if _fingerprint(self._prompt(frames[0])) != problem.info["opening"]:
                    raise self._unlike(problem, 0, problem.text, self._prompt(frames[0]))
            heard = [message.content for message in transcript if message.role == "tool"]
            for number in range(len(frames) - 1, len(actions)):
                if frames[-1].is_over:
                    break
                frames.append(_cut_frame(session.act(actions[number])))
                if number < len(heard) and heard[number] != frames[-1].observation:
                    raise self._unlike(problem, number + 1, heard[number], frames[-1].observation)
            if self.keep_open and not frames[-1].is_over:
                self._waiting[seed, actions] = (session, list(frames))
                kept = True
        finally:
            if not kept:
                session.close()
        while len(self._waiting) > self.keep_open:
            self._waiting.popitem(last=False)[1][0].close()
        return frames

    def _unlike(self, problem: Problem, turn: int, before: str, now: str) -> SessionFault:
        return SessionFault(
            f"{self.name} does not repeat itself: after {turn} actions from seed {problem.info['seed']} it said "
            f"{before[:60]!r} and now says {now[:60]!r}; it must depend on its seed and the actions alone"
        )

    def close(self) -> None:
        """Ends the sessions that wait."""
        while self._waiting:
            self._waiting.popitem()[1][0].close()


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _cut(text: str) -> str:
    """A text of bounded length: a policy's context is no place for a megabyte."""
    if len(text) <= MAX_OBSERVATION_CHARACTERS:
        return text
    return f"{text[:MAX_OBSERVATION_CHARACTERS]} ... (cut: {len(text)} characters)"


def _cut_frame(frame: Frame) -> Frame:
    return Frame(_cut(frame.observation), frame.reward, frame.is_over)
