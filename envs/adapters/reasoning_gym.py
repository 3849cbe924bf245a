"""Data sets of reasoning-gym, strictly scored: `rg:chain_sum`.

Two things differ from the library. Seeds come from our hash, so splits are disjoint (its item i of seed s is item
i - 1 of seed s + 1). And an answer counts only when the library's scorer gives it the full score: its partial credit,
much of it for containing the answer, is the part `partial` of the verdict and no score. Data sets whose own scorer
gives the full score to answers that solve nothing are refused unless asked for.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

from envs.adapters import need
from envs.environment import TAGS, Environment
from envs.grading import announced_answer, plain_text
from envs.registry import environment
from envs.types import Problem
from verifiers.judges.steps import judge_written_steps
from verifiers.plugins import suggest
from verifiers.types import Outcome, Verdict

LEVELS = (1, 2, 3)
FULL_SCORE = 1.0
PARTIAL = "partial"  # part of a verdict: what the library pays, which a reward may name in its weights
SEED_BITS = 32  # numpy's generators, which some data sets use, take no larger seeds
MAX_ANSWER_CHARACTERS = 20_000  # boards and matrices are long

# Measured with reasoning-gym 0.1.25 over 16 items each (intermediate_integration, knight_swap, futoshiki, puzzle24 and
# zebra_puzzles took too long to be tried in full). What earns the full score without solving the problem:
EXPLOITABLE: dict[str, str] = {
    "coin_flip": 'the answer "0" earns the full score on every item',
    "game_of_life_halting": "any text that is not empty is accepted",
    "intermediate_integration": 'the answer is parsed as code: "F or G" is read as F',
    "kakurasu": "a solution followed by anything else is accepted",
    "puzzle24": "any four numbers in range that make 24 are accepted, not only the given ones",
    "quantum_lock": "a solution followed by anything else is accepted",
    "simple_integration": 'the answer is parsed as code: "F or G" is read as F',
    "sokoban": "a solution followed by anything else is accepted",
}
# Scorers that accept the reference followed by other text, where there is one right answer: compared as text instead.
COMPARED_AS_TEXT = frozenset(
    (
        "fraction_simplification",
        "gsm_symbolic",
        "knights_knaves",
        "letter_jumble",
        "polynomial_multiplication",
        "spell_backward",
        "time_intervals",
    )
)
# Their answers have several lines, or forms that a line after #### does not hold: they are announced in a tag.
TAGGED = frozenset(
    (
        "arc_agi",
        "binary_matrix",
        "futoshiki",
        "game_of_life",
        "manipulate_matrix",
        "mini_sudoku",
        "n_queens",
        "pool_matrix",
        "rearc",
        "rotate_matrix",
        "rotten_oranges",
        "sudoku",
        "survo",
        "tower_of_hanoi",
    )
)
NO_GOLD: dict[str, str] = dict.fromkeys(
    ("boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"),
    "its items carry no reference answer, so that gold cannot be checked",
)


def refusal_of(dataset: str) -> str | None:
    """Why a data set is refused unless asked for; None when it is not."""
    return EXPLOITABLE.get(dataset) or NO_GOLD.get(dataset)


@environment("rg")
class ReasoningGym(Environment):
    """A data set of reasoning-gym, strictly scored: `rg:chain_sum`.

    Seven data sets whose scorers accept the reference followed by other text are compared as text.

    Args:
        dataset: its name in reasoning-gym.
        levels: levels of its curriculum, from 1; one level with the default configuration where it has none.
        ood_levels: levels for evaluation only.
        accept_exploitable: also make data sets whose scorer is known to accept wrong answers.
        config: further fields of the data set's configuration (they switch its curriculum off).
    Raises:
        ModuleNotFoundError: reasoning-gym is not installed.
        ValueError: no such data set, or one that is refused.
    """

    def __init__(
        self,
        dataset: str,
        levels: tuple[int, ...] | None = None,
        ood_levels: tuple[int, ...] | None = None,
        accept_exploitable: bool = False,
        config: dict[str, Any] | None = None,
    ) -> None:
        factory = need("reasoning_gym.factory", extra="envs")
        if dataset not in factory.DATASETS:
            raise ValueError(f"reasoning-gym has no data set {dataset!r}{suggest(dataset, list(factory.DATASETS))}")
        refusal = refusal_of(dataset)
        if refusal and not accept_exploitable:
            raise ValueError(f"rg:{dataset} is refused: {refusal}; accept_exploitable=True makes it all the same")
        self.dataset = dataset
        self.config = dict(config or {})
        has_levels = dataset in factory.CURRICULA and not self.config
        self._has_levels = has_levels
        beyond = (LEVELS[-1] + 1,) if has_levels and levels is None else ()
        self.levels = tuple(levels or self._legal(LEVELS if has_levels else (1,)))
        self.ood_levels = self._legal(beyond) if ood_levels is None else tuple(ood_levels)
        self.name = f"rg:{dataset}"  # type: ignore[misc]  # keys randomness: each data set has its own stream
        if dataset in TAGGED:
            self.mark = TAGS  # type: ignore[misc]
        if not self.levels:
            raise ValueError(f"rg:{dataset}: no level of its curriculum is a legal configuration; give config={{...}}")

    def _legal(self, levels: Sequence[int]) -> tuple[int, ...]:
        """Those of the levels whose configuration the data set itself accepts."""
        return tuple(level for level in levels if not self._has_levels or self._is_legal(level))

    def _is_legal(self, level: int) -> bool:
        try:
            self._configured(level)
        except AssertionError:  # how the library refuses a configuration, those of its own curricula included
            return False
        return True

    def _configured(self, level: int) -> Any:
        """The data set at a level of its curriculum."""
        factory = need("reasoning_gym.factory", extra="envs")
        curriculum = factory.create_curriculum(self.dataset)
        curriculum.set_global_level(level - 1)
        return factory.DATASETS[self.dataset][0](curriculum.generate_configuration({"seed": 0, "size": 1}))

    @cached_property
    def _sources(self) -> dict[int, Any]:
        factory = need("reasoning_gym.factory", extra="envs")
        if not self._has_levels:
            return dict.fromkeys(
                (*self.levels, *self.ood_levels), factory.create_dataset(self.dataset, seed=0, size=1, **self.config)
            )
        return {level: self._configured(level) for level in (*self.levels, *self.ood_levels)}

    def generate(self, rng: random.Random, level: int) -> Problem:
        """One item, of a seed drawn with `rng`."""
        seed = rng.getrandbits(SEED_BITS)
        entry = self._entry(seed, level)
        return Problem(entry["question"], str(entry["answer"]), level=level, info={"seed": seed, "level": level})

    def _entry(self, seed: int, level: int) -> dict[str, Any]:
        source = self._sources[level]
        source.seed = seed
        return source[0]

    @cached_property
    def _cached_entry(self) -> Any:
        return lru_cache(maxsize=512)(self._entry)

    def render_solution(self, steps: Sequence[str], answer: str) -> str:
        """Steps, then the answer after ####, or in a tag where it has several lines."""
        if self.dataset in TAGGED:
            return "\n".join([*steps, f"<answer>\n{answer}\n</answer>"])
        return super().render_solution(steps, answer)

    def grade(self, problem: Problem, response: str) -> Verdict:
        """CORRECT when the answer is the reference, or the library's own scorer gives it the full score."""
        return judge_written_steps(self._judge_answer(problem, response), response)

    def _judge_answer(self, problem: Problem, response: str) -> Verdict:
        answer, refusal = announced_answer(response, max_characters=MAX_ANSWER_CHARACTERS, as_plain=False)
        if answer is None:
            assert refusal is not None
            return refusal
        # Also as the reference reads when it is announced: what announcing takes off, a full stop, decides nothing.
        if _squeezed(answer) in (_squeezed(problem.answer), *_as_announced(problem.answer)):
            return Verdict(Outcome.CORRECT, 1.0, answer, "it is the reference", parts={PARTIAL: 1.0})
        if self.dataset in COMPARED_AS_TEXT:
            return Verdict(Outcome.WRONG, 0.0, answer, "it is not the reference, as text", parts={PARTIAL: 0.0})
        answer = plain_text(answer)
        entry = self._cached_entry(problem.info["seed"], problem.info["level"])
        try:
            score = self._sources[problem.info["level"]].score_answer(answer, entry)
        except Exception as error:  # foreign scorers raise whatever their parsing of the answer runs into
            return Verdict(Outcome.UNPARSEABLE, 0.0, answer, f"{type(error).__name__}: {error}"[:200])
        if score >= FULL_SCORE:
            return Verdict(Outcome.CORRECT, 1.0, answer, "full score", parts={PARTIAL: 1.0})
        parts = {PARTIAL: min(max(float(score), 0.0), 1.0)}
        return Verdict(Outcome.WRONG, 0.0, answer, f"the library scores it {score:.2f}", parts=parts)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_sources", "_cached_entry")}


def _as_announced(reference: str) -> Iterator[str]:
    """The reference as it is read after #### and in a tag; not its first line alone."""
    for text in (f"#### {reference}", f"<answer>{reference}</answer>"):
        found, _ = announced_answer(text, max_characters=MAX_ANSWER_CHARACTERS, as_plain=False)
        if found is not None and ("\n" not in reference.strip() or "\n" in found):
            yield _squeezed(found)


def _squeezed(text: str) -> str:
    """The text with every run of spaces and line breaks as one space."""
    return " ".join(text.split())
