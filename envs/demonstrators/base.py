"""Demonstrators: writers of solutions who are limited on purpose, and solutions that are wrong on purpose.

Independent slips alone prove nothing: an imitator that decodes greedily denoises them. What imitation keeps is
*systematic*: a wrong rule, a skill that is missing, steps that skip too much, levels never shown, a mixture of styles.
Each is a setting of `StepDemonstrator`, which serves every environment whose problems carry worked steps.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import ClassVar, Protocol, runtime_checkable

from envs.demonstrators.mistakes import ARITHMETIC_MISTAKES
from envs.demonstrators.worksteps import NUMBER, perturb, perturb_text, redo, split_step, substitute
from envs.splits import keyed_rng
from envs.turns import spoken, step_after
from envs.types import Message, Problem, Source

SizeLaw = Sequence[tuple[int, Sequence[float]]]  # rows (largest level, probability of a leap of 1, 2, 3, ...)
FLAT_SIZE_LAW: SizeLaw = ((10**9, (1.0,)),)
STYLES = ("plain", "numbered", "terse", "wordy")
MAX_CORRUPTION_ATTEMPTS = 20
MISTAKE_PROBLEMS = 200  # in which a wrong rule must change something at least once


@runtime_checkable
class Demonstrator(Protocol):
    """Writes solutions of an environment's problems, well or badly."""

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that it writes solutions for (its coverage)."""
        ...

    def covers(self, problem: Problem) -> bool:
        """False for problems that it never solves, also within its levels (a skill that nobody demonstrates)."""
        ...

    def write(self, problem: Problem, rng: random.Random) -> str:
        """A solution of `problem` in the demonstrator's manner, as the text of a response."""
        ...


@runtime_checkable
class ConversationDemonstrator(Demonstrator, Protocol):
    """A demonstrator for environments with several turns."""

    def transcript(self, problem: Problem, rng: random.Random) -> tuple[Message, ...]:
        """A conversation that ends with the writer's turn, the environment's words included."""
        ...


class StepDemonstrator:
    """Writes the environment's worked steps, with the limits that its settings give it.

    Args:
        env: whose problems it solves.
        error_rate: probability per step of a wrong value, from which the writer goes on; a slip always reaches the
            answer.
        mistakes: wrong rules by name, with the share of problems in which each is followed (1: always; a sequence of
            names means always). Names are those of `env.mistakes` and of
            `envs.demonstrators.mistakes.ARITHMETIC_MISTAKES`.
        size_law: how many steps a written step covers: rows (largest level, probabilities of 1, 2, 3, ...); the first
            row that reaches the level holds, and beyond the last row the last. Skipped steps are carried out, not
            written.
        horizon: carries out this many steps at most and then answers with the value it has (a missing skill);
            None: no limit.
        max_level: largest level it writes solutions for; None: all of the environment's training levels.
        styles: share of each style of writing: "plain" steps, "numbered" steps, "terse" (the answer alone),
            "wordy" (restates the question first).
    """

    known_styles: ClassVar[Sequence[str]] = STYLES

    def __init__(
        self,
        env: Source,
        *,
        error_rate: float = 0.0,
        mistakes: Mapping[str, float] | Sequence[str] = (),
        size_law: SizeLaw = FLAT_SIZE_LAW,
        horizon: int | None = None,
        max_level: int | None = None,
        styles: Mapping[str, float] | None = None,
    ) -> None:
        if not 0 <= error_rate < 1:
            raise ValueError(f"error_rate is {error_rate}, expected a probability in [0, 1)")
        if horizon is not None and horizon < 1:
            raise ValueError(f"horizon is {horizon}, expected 1 step or more, or None for no limit")
        if not size_law:
            raise ValueError(
                "size_law is empty, expected rows (largest level, probabilities of a leap of 1, 2, 3, ...)"
            )
        for _, probabilities in size_law:
            if abs(sum(probabilities) - 1) > 1e-6:
                raise ValueError(f"size_law row {list(probabilities)} sums to {sum(probabilities)}, expected 1")
        self.env = env
        self.error_rate = error_rate
        self.mistakes = dict(mistakes) if isinstance(mistakes, Mapping) else dict.fromkeys(mistakes, 1.0)
        self.size_law = tuple((int(top), tuple(p)) for top, p in size_law)
        self.horizon = horizon
        self.styles = dict(styles or {"plain": 1.0})
        self.levels = tuple(level for level in env.levels if max_level is None or level <= max_level)
        if not self.levels:
            raise ValueError(f"max_level is {max_level}, but the environment's levels begin at {min(env.levels)}")
        _check_names("mistake", self.mistakes, [*env.mistakes, *ARITHMETIC_MISTAKES])
        _check_names("style", self.styles, self.known_styles)

    def covers(self, problem: Problem) -> bool:
        """True for every problem of its levels."""
        return problem.level in self.levels

    def unused_mistakes(self) -> list[str]:
        """Wrong rules that change nothing in any of MISTAKE_PROBLEMS problems of its levels."""
        unused = list(self.mistakes)
        for index in range(MISTAKE_PROBLEMS):
            if not unused:
                break
            problem = self.env.generate(
                keyed_rng("mistake", self.env.name, index), self.levels[index % len(self.levels)]
            )
            right = list(problem.solution), problem.answer
            unused = [name for name in unused if self._mistaken(name, problem, *right) == right]
        return unused

    def write(self, problem: Problem, rng: random.Random) -> str:
        """A solution of `problem` in the demonstrator's manner."""
        steps, answer = self._limited(problem, rng)
        steps, answer = slipped(steps, answer, self.error_rate, rng)
        steps = self._skip(steps, problem.level, rng)
        return self._render(self._draw_style(rng), problem, steps, answer)

    def transcript(self, problem: Problem, rng: random.Random) -> tuple[Message, ...]:
        """A conversation of several turns in the demonstrator's manner: the environment itself answers each of them.

        A slip changes a number of a turn; the writer goes on from what the environment then says. Leaps have no meaning
        here, and of the styles only "terse" has one: the answer at once, without a turn before it.
        """
        steps, answer = self._limited(problem, rng)
        if "terse" in self.styles and self._draw_style(rng) == "terse":
            answer = perturb_text(answer, rng) if self.error_rate and rng.random() < self.error_rate else answer
            return (Message("assistant", self.env.render_solution((), answer)),)
        turns: list[Message] = []
        replaced: dict[str, str] = {}
        for turn, expected in spoken(self.env, problem, steps, answer):
            text = substitute(turn, replaced)
            if self.error_rate and rng.random() < self.error_rate:
                text = perturb_text(text, rng)
            turns.append(Message("assistant", text))
            step = step_after(self.env, problem, turns)
            if step.observation is None or step.stop is not None:
                break
            turns.append(Message("tool", step.observation))
            replaced |= zip(NUMBER.findall(expected), NUMBER.findall(step.observation))
        if turns[-1].role == "tool":  # the script is over before the conversation: it ends with the writer's turn
            turns.pop()
        return tuple(turns)

    def _limited(self, problem: Problem, rng: random.Random) -> tuple[list[str], str]:
        """The worked steps and the answer by someone with wrong rules, who gives up at the horizon."""
        steps, answer = list(problem.solution), problem.answer
        for name, share in self.mistakes.items():
            if rng.random() < share:
                steps, answer = self._mistaken(name, problem, steps, answer)
        if self.horizon is not None and len(steps) > self.horizon:
            steps = steps[: self.horizon]
            answer = _stated_value(steps[-1]) or answer
        return steps, answer

    def _mistaken(self, name: str, problem: Problem, steps: list[str], answer: str) -> tuple[list[str], str]:
        if name in self.env.mistakes:
            written = self.env.mistakes[name](problem)
            return (list(written[0]), written[1]) if written else (steps, answer)
        rule = ARITHMETIC_MISTAKES[name]
        return redo(steps, answer, lambda _, expression, value: rule(expression, value))

    def _skip(self, steps: Sequence[str], level: int, rng: random.Random) -> list[str]:
        if len(self._leaps_at(level)) == 1:
            return list(steps)
        written, done = [], 0
        while done < len(steps):
            done += self._draw_leap(level, rng)
            written.append(steps[min(done, len(steps)) - 1])
        return written

    def _leaps_at(self, level: int) -> Sequence[float]:
        return next((p for top, p in self.size_law if level <= top), self.size_law[-1][1])

    def _draw_leap(self, level: int, rng: random.Random) -> int:
        probabilities = self._leaps_at(level)
        return rng.choices(range(1, len(probabilities) + 1), probabilities)[0]

    def _draw_style(self, rng: random.Random) -> str:
        if len(self.styles) == 1:
            return next(iter(self.styles))
        return rng.choices(list(self.styles), list(self.styles.values()))[0]

    def _render(self, style: str, problem: Problem, steps: Sequence[str], answer: str) -> str:
        if style == "terse":
            steps = ()
        elif style == "numbered":
            steps = [f"{i}. {step}" for i, step in enumerate(steps, 1)]
        elif style == "wordy":
            steps = [f"The question is: {problem.text}", *steps]
        return self.env.render_solution(steps, answer)


def slipped(steps: Sequence[str], answer: str, error_rate: float, rng: random.Random) -> tuple[list[str], str]:
    """Steps and answer with independent slips: accuracy (1 - error_rate) ** steps (answers alone count as one step).

    A slip in a sum is a wrong value, in any other line a wrong number; both are carried into the lines after it. One
    that would not reach the answer is made in the last line too, which states it: no solution contradicts its end.
    """
    wrong = {i for i in range(max(1, len(steps))) if rng.random() < error_rate} if error_rate else set()
    if not wrong:
        return list(steps), answer

    def change(index: int, _: str, value: Fraction) -> Fraction:
        """The step's value, another one where the slip is."""
        return perturb(value, rng) if index in wrong else value

    def misread(index: int, step: str) -> tuple[str, str] | None:
        """A number of a line that is no sum, and the one that is written instead; one that is used later, if any is."""
        numbers = NUMBER.findall(step) if index in wrong else []
        if not numbers:
            return None
        later = set(NUMBER.findall("\n".join([*steps[index + 1 :], answer])))
        old = rng.choice([number for number in numbers if number in later] or numbers)
        return old, perturb_text(old, rng)

    redone, new = redo(steps, answer, change, misread)
    for index in wrong:
        if index < len(redone) and not NUMBER.search(redone[index]):
            redone[index] = perturb_text(redone[index], rng)
    if new != answer:
        return redone, new
    stated = [number for number in NUMBER.findall(answer) if redone and number in NUMBER.findall(redone[-1])]
    if not stated:
        return redone, perturb_text(answer, rng)
    last = rng.choice(stated)
    replaced = {last: perturb_text(last, rng)}
    return [*redone[:-1], _restated(redone[-1], replaced)], substitute(answer, replaced)


def _restated(step: str, replaced: Mapping[str, str]) -> str:
    """The last line with another value; of a sum the value alone is another, and not what it is worked out from."""
    parts = split_step(step)
    if parts is None or parts[2] not in replaced:
        return substitute(step, replaced)
    return f"{parts[0]}{parts[1]} = {replaced[parts[2]]}"


def _stated_value(step: str) -> str | None:
    return step.rpartition("=")[2].strip() or None


def _check_names(what: str, given: Mapping[str, float], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"no {what} is called {name!r}; there are {', '.join(known) or 'none'}")


def corrupt_solution(env: Source, problem: Problem, rng: random.Random, num: int = 1) -> tuple[str, ...]:
    """Up to `num` wrong responses that look like solutions, each graded not CORRECT by the environment."""
    wrong: list[str] = []
    for _ in range(MAX_CORRUPTION_ATTEMPTS * num):
        steps = list(problem.solution)
        place = rng.randrange(len(steps)) if steps else 0

        def change(index: int, _: str, value: Fraction, place: int = place) -> Fraction:
            """The step's value, another one at the chosen step."""
            return perturb(value, rng) if index == place else value

        steps, answer = redo(steps, problem.answer, change)
        if answer == problem.answer:
            answer = perturb_text(answer, rng)
        text = env.render_solution(steps, answer)
        if text not in wrong and not env.grade(problem, text).is_correct:
            wrong.append(text)
        if len(wrong) == num:
            break
    return tuple(wrong)
