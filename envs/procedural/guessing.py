"""Multi-turn games whose state is the transcript: the number that is narrowed down by answers to guesses."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from envs.environment import Environment
from envs.grading import announced_answer
from envs.procedural.answers import read_integer
from envs.registry import environment
from envs.types import Message, Problem, Step, StopReason
from verifiers.types import Outcome, StepVerdict, Verdict


@environment("guess_number", levels=(8, 9, 10), ood_levels=(11, 12), verify="numeric")
class GuessNumber(Environment):
    """Find a hidden number from "higher" and "lower"; the range has 2^level numbers, and bisection just suffices.

    A turn is a guess, `#### 11` (or the number alone); after `level` + 1 wrong guesses the game is lost. The score is 1
    for a hit; the part `efficiency` falls from 1 by the share of the allowed guesses that were needed. Guessing
    at random hits with chance (level + 1) / 2^level: 3.5 % at level 8, 1 % at level 10.
    """

    max_turns = 13

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A range and a hidden number; the hidden number belongs to the problem's identity."""
        size = 2**level
        low = rng.randint(1, 9000)
        secret = rng.randrange(low, low + size)
        prompt = f"I think of a number from {low} to {low + size - 1}. Guess; I say higher or lower."
        steps, a, b = [], low, low + size - 1
        while True:
            guess = (a + b) // 2
            if guess == secret:
                break
            reply = "higher" if secret > guess else "lower"
            steps.append(f"{guess} {reply}")
            a, b = (guess + 1, b) if secret > guess else (a, guess - 1)
        steps.append(f"{secret} hit")
        info = {"guesses": level + 1}
        return Problem(prompt, str(secret), tuple(steps), info=info, canonical=f"{prompt} {secret}")

    def turns(self, problem: Problem, steps: Sequence[str], answer: str) -> Sequence[tuple[str, str]]:
        """The guesses, and the replies to them."""
        return [(guess, reply) for guess, _, reply in (step.partition(" ") for step in steps)]

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """`higher`, `lower`, or the end: hit, no number, or no guesses left."""
        turns = [message.content for message in transcript if message.role == "assistant"]
        try:
            guess = _read_guess(turns[-1] if turns else "")
        except ValueError:
            return Step(None, stop=StopReason.PARSE_ERROR)
        secret = int(problem.answer)
        if guess == secret:
            return Step(None, reward=1.0, stop=StopReason.COMPLETED)
        if len(turns) >= problem.info["guesses"]:
            return Step(None, stop=StopReason.MAX_TURNS)
        return Step("higher" if secret > guess else "lower")

    def grade_transcript(self, problem: Problem, transcript: Sequence[Message]) -> Verdict:
        """CORRECT when a guess within the allowed number of turns hits."""
        turns = [message.content for message in transcript if message.role == "assistant"]
        allowed = problem.info["guesses"]
        for number, turn in enumerate(turns[:allowed]):
            steps = _steps(turns[: number + 1])
            try:
                guess = _read_guess(turn)
            except ValueError:
                verdict = Verdict(Outcome.UNPARSEABLE, 0.0, turn[:80], "a turn is no number")
                return verdict.judged([*steps[:-1], replace(steps[-1], is_right=False, size=0)])
            if guess == int(problem.answer):
                parts = {"efficiency": 1 - number / allowed}
                verdict = Verdict(Outcome.CORRECT, 1.0, problem.answer, f"hit with guess {number + 1}", parts=parts)
                return verdict.judged([*steps[:-1], replace(steps[-1], is_right=True)])
        verdict = Verdict(Outcome.WRONG, 0.0, turns[-1][:80] if turns else None, f"no hit in {allowed} guesses")
        steps = _steps(turns[:allowed])
        return verdict.judged([*steps[:-1], *(replace(step, is_right=False) for step in steps[-1:])])

    def single_step_problem(self, rng: random.Random) -> Problem:
        """A range of two numbers."""
        return replace(self.generate(rng, 1), level=min(self.levels))


def _steps(turns: Sequence[str]) -> list[StepVerdict]:
    """A step for every guess, none judged yet; the last one is the conclusion."""
    steps, at = [], 0
    for number, turn in enumerate(turns, 1):
        steps.append(StepVerdict((at, at + len(turn)), None, is_conclusion=number == len(turns)))
        at += len(turn) + 1
    return steps


def _read_guess(turn: str) -> int:
    answer, _ = announced_answer(turn)
    return read_integer(answer if answer is not None else turn)
