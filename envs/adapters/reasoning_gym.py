"""Data sets of reasoning-gym, strictly scored: `rg:chain_sum`.

Two things differ from the library. Seeds come from our hash, so splits are disjoint (its item i of seed s is item
i - 1 of seed s + 1). And an answer counts only when the library's scorer gives it the full score: none of its partial
credit for containing the answer. Data sets whose own scorer gives the full score to answers that solve nothing are
refused unless asked for.
"""

from __future__ import annotations

import random
from functools import cached_property, lru_cache
from typing import Any

from envs.adapters import need
from envs.environment import Environment
from envs.grading import announced_answer
from envs.registry import environment
from envs.types import Problem
from verifiers.judges.steps import judge_written_steps
from verifiers.plugins import suggest
from verifiers.types import Outcome, Verdict

LEVELS = (1, 2, 3)
FULL_SCORE = 1.0

# Measured with reasoning-gym 0.1.25 over 16 items each (intermediate_integration, knight_swap, futoshiki, puzzle24 and
# zebra_puzzles took too long to be tried in full). What earns the full score without solving the problem:
EXPLOITABLE: dict[str, str] = {
    "coin_flip": 'the answer "0" earns the full score on every item',
    "game_of_life_halting": "any text that is not empty is accepted",
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
        self.levels = tuple(levels or (LEVELS if has_levels else (1,)))
        beyond = (LEVELS[-1] + 1,) if has_levels and levels is None else ()
        self.ood_levels = beyond if ood_levels is None else tuple(ood_levels)
        self.name = f"rg:{dataset}"  # type: ignore[misc]  # keys randomness: each data set has its own stream
        self._has_levels = has_levels

    @cached_property
    def _sources(self) -> dict[int, Any]:
        factory = need("reasoning_gym.factory", extra="envs")
        if not self._has_levels:
            return dict.fromkeys(
                (*self.levels, *self.ood_levels), factory.create_dataset(self.dataset, seed=0, size=1, **self.config)
            )
        sources = {}
        for level in (*self.levels, *self.ood_levels):
            curriculum = factory.create_curriculum(self.dataset)
            curriculum.set_global_level(level - 1)
            config = curriculum.generate_configuration({"seed": 0, "size": 1})
            sources[level] = factory.DATASETS[self.dataset][0](config)
        return sources

    def generate(self, rng: random.Random, level: int) -> Problem:
        """One item, of a seed drawn with `rng`."""
        seed = rng.getrandbits(48)
        entry = self._entry(seed, level)
        return Problem(entry["question"], str(entry["answer"]), level=level, info={"seed": seed, "level": level})

    def _entry(self, seed: int, level: int) -> dict[str, Any]:
        source = self._sources[level]
        source.seed = seed
        return source[0]

    @cached_property
    def _cached_entry(self) -> Any:
        return lru_cache(maxsize=512)(self._entry)

    def grade(self, problem: Problem, response: str) -> Verdict:
        """CORRECT exactly when the library's own scorer gives the announced answer the full score."""
        return judge_written_steps(self._judge_answer(problem, response), response)

    def _judge_answer(self, problem: Problem, response: str) -> Verdict:
        answer, refusal = announced_answer(response)
        if answer is None:
            assert refusal is not None
            return refusal
        if self.dataset in COMPARED_AS_TEXT:
            if " ".join(answer.split()) == " ".join(problem.answer.split()):
                return Verdict(Outcome.CORRECT, 1.0, answer, "it is the reference")
            return Verdict(Outcome.WRONG, 0.0, answer, "it is not the reference, as text")
        entry = self._cached_entry(problem.info["seed"], problem.info["level"])
        try:
            score = self._sources[problem.info["level"]].score_answer(answer, entry)
        except Exception as error:  # foreign scorers raise whatever their parsing of the answer runs into
            return Verdict(Outcome.UNPARSEABLE, 0.0, answer, f"{type(error).__name__}: {error}"[:200])
        if score >= FULL_SCORE:
            return Verdict(Outcome.CORRECT, 1.0, answer, "full score")
        return Verdict(Outcome.WRONG, 0.0, answer, f"the library scores it {score:.2f}")

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_sources", "_cached_entry")}
