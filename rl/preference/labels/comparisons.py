"""From groups of completions to labelled comparisons, under a budget of human judgements.

Every answer that is asked for is paid for, ties included; what each label says about gold is kept beside it and is
never read by training.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any, Protocol, cast

from envs.data.values import read_prompt, read_text
from envs.types import Message, Problem
from rl.preference.labels.annotators import Annotator, draw
from rl.preference.labels.choice import Choice
from rl.preference.labels.features import features_of, features_of_response
from rl.preference.labels.label_report import Judgement, LabelReport, label_report
from rl.records.lines import load_records, save_records
from rl.types import Comparison, Group, Trajectory
from verifiers.parts import check_methods, find_part
from verifiers.types import Verdict


@dataclass(frozen=True)
class Pair:
    """Two completions of one problem, in the order in which an annotator sees them."""

    first: Trajectory
    second: Trajectory


class PairSelector(Protocol):
    """Which pairs of a group are worth an annotator's time, best first."""

    def select(self, group: Group, annotator: Annotator, rng: random.Random) -> list[Pair]:
        """Pairs of different texts in random order of presentation, best first."""
        ...


@dataclass(frozen=True)
class UniformPairs:
    """Pairs in random order: what offline RLHF on sampled completions does."""

    def select(self, group: Group, annotator: Annotator, rng: random.Random) -> list[Pair]:
        """All pairs of different texts, shuffled."""
        pairs = different_pairs(group, rng)
        rng.shuffle(pairs)
        return pairs


@dataclass(frozen=True)
class ContrastingPairs:
    """One solution that the annotator takes for right with one that it takes for wrong, by its own eye, first.

    Sorted by how far apart the two probabilities of being taken for right are. Reading single solutions is not charged
    to the budget: use it for all arms of a comparison or for none.
    """

    def select(self, group: Group, annotator: Annotator, rng: random.Random) -> list[Pair]:
        """All pairs, those that look most different first; equal ones in random order."""
        seen = {id(t): annotator.perceives_right(features_of(t)) for t in group.trajectories}
        pairs = UniformPairs().select(group, annotator, rng)
        return sorted(pairs, key=lambda p: -abs(seen[id(p.first)] - seen[id(p.second)]))


@dataclass(frozen=True)
class RankedPairs:
    """Active queries: pairs with the largest value first, e.g. where a reward-model ensemble disagrees most.

    Attributes:
        value: how much a label of this pair would teach.
    """

    value: Callable[[Trajectory, Trajectory], float]

    def select(self, group: Group, annotator: Annotator, rng: random.Random) -> list[Pair]:
        """All pairs by falling value; equal ones in random order."""
        pairs = UniformPairs().select(group, annotator, rng)
        return sorted(pairs, key=lambda p: -self.value(p.first, p.second))


SELECTORS: dict[str, Callable[..., PairSelector]] = {"uniform": UniformPairs, "contrasting": ContrastingPairs}


def make_selector(name: str, **settings: Any) -> PairSelector:
    """The selector called `name` (one of SELECTORS), or one of your own, named as in verifiers/parts.py.

    Raises:
        ValueError: unknown name, or it is no selector. TypeError: a setting that it does not have.
    """
    made: PairSelector = find_part("selector", name, SELECTORS)(**settings)
    check_methods("selector", name, made, ["select"])
    return made


def different_pairs(group: Group, rng: random.Random) -> list[Pair]:
    """Every pair of different texts of a group, each text once, presented in random order.

    Two equal texts carry no preference, and a text repeated in a group would be compared with itself.
    """
    distinct = list({t.completion.text: t for t in group.trajectories}.values())
    pairs = combinations(distinct, 2)
    return [Pair(a, b) if rng.random() < 0.5 else Pair(b, a) for a, b in pairs]


def choose_pairs(
    groups: Sequence[Group],
    annotator: Annotator,
    num_pairs: int,
    rng: random.Random,
    *,
    selector: PairSelector | None = None,
    max_per_problem: int | None = None,
) -> list[Pair]:
    """At most `num_pairs` pairs: the best of every problem, then the second best of every problem, and so on."""
    selector = selector or UniformPairs()
    columns = [list(selector.select(group, annotator, rng))[:max_per_problem] for group in groups]
    if wrong := [pair for column in columns for pair in column if not isinstance(pair, Pair)]:
        raise TypeError(f"selector {type(selector).__name__}: select gave {wrong[0]!r:.60}, expected Pairs")
    rng.shuffle(columns)
    in_turn = (pair for row in zip_longest(*columns) for pair in row if pair is not None)
    return [pair for _, pair in zip(range(num_pairs), in_turn)]


def collect_comparisons(
    groups: Sequence[Group],
    annotator: Annotator,
    num_pairs: int,
    rng: random.Random,
    *,
    selector: PairSelector | None = None,
    max_per_problem: int | None = None,
) -> tuple[list[Comparison], LabelReport]:
    """Comparisons from completions of the same start, and the card of who labelled them.

    Args:
        num_pairs: the budget, in judgements: a tie costs as much as a preference and yields no comparison, a panel
            that votes costs one per annotator. Fewer are used when the groups hold fewer pairs of different texts.
        max_per_problem: pairs per problem at most; None: as many as the budget reaches.
    Raises:
        ValueError: no budget, or no pair of different texts.
    """
    budget = num_pairs // annotator.judgements_per_pair
    if budget < 1:
        raise ValueError(
            f"a budget of {num_pairs} judgements buys no label: each costs {annotator.judgements_per_pair}"
        )
    pairs = choose_pairs(groups, annotator, budget, rng, selector=selector, max_per_problem=max_per_problem)
    if not pairs:
        raise ValueError(f"{len(groups)} groups hold no two different completions of one problem: nothing to compare")
    if prepare := getattr(annotator, "prepare", None):  # one that is asked over a network answers many at a time
        prepare([(features_of(pair.first), features_of(pair.second)) for pair in pairs])
    judgements = [judge(pair, annotator, rng) for pair in pairs]
    card = label_report(judgements, annotator.name, judgements_per_pair=annotator.judgements_per_pair)
    labelled = [comparison(pair, j, annotator.name) for pair, j in zip(pairs, judgements) if j.answer != "tie"]
    return labelled, card


def judge(pair: Pair, annotator: Annotator, rng: random.Random) -> Judgement:
    """The annotator's answer to one pair."""
    first, second = features_of(pair.first), features_of(pair.second)
    choice = annotator.choice(first, second)
    if not isinstance(choice, Choice):
        raise TypeError(f"annotator {annotator.name!r}: choice gave {choice!r:.60}, expected a Choice")
    answer = draw(choice, rng)
    return Judgement(first, second, answer, annotator.perceives_right(first), annotator.perceives_right(second))


def comparison(pair: Pair, judgement: Judgement, annotator: str) -> Comparison:
    """The labelled pair."""
    ordered = (pair.first, pair.second) if judgement.answer == "first" else (pair.second, pair.first)
    chosen, rejected = ordered
    gold = (chosen.verdict.is_correct, rejected.verdict.is_correct)
    return Comparison(
        problem=pair.first.problem,
        chosen=chosen.completion.text,
        rejected=rejected.completion.text,
        annotator=annotator,
        agrees_with_gold=None if gold[0] == gold[1] else gold[0],
        chosen_tokens=chosen.completion.tokens,
        rejected_tokens=rejected.completion.tokens,
    )


def save_comparisons(comparisons: Iterable[Comparison], path: Path | str) -> None:
    """Writes one JSON object per line (Comparison.to_json)."""
    save_records(comparisons, path)


def load_comparisons(path: Path | str) -> list[Comparison]:
    """Comparisons from JSON lines: those that `save_comparisons` wrote, or labels that people recorded.

    A line needs `chosen`, `rejected`, and `problem` (with `prompt` and `answer`) or these two themselves, as trl has
    them; `annotator` defaults to "human". Chosen and rejected are texts, or conversations whose last turn, the
    assistant's, is what was compared.

    Raises:
        ValueError: a line is not such an object; says which.
    """
    return load_records(path, _from_row, "comparison", "chosen, rejected, prompt and answer (or problem)")


def _from_row(row: Mapping[str, Any]) -> Comparison:
    missing = [key for key in ("chosen", "rejected") if key not in row]
    problem = row.get("problem", row)
    if isinstance(problem, Mapping):
        missing += [key for key in ("prompt", "answer") if key not in problem]
    if missing or not isinstance(problem, Mapping):
        raise ValueError(f"it has no {', '.join(missing)}" if missing else f"problem is {problem!r:.60}")
    prompt, answer = problem["prompt"], problem["answer"]
    if not isinstance(prompt, str):
        prompt = [asdict(message) for message in cast(tuple[Message, ...], read_prompt(prompt, "prompt"))]
    made = dict(problem) if "problem" in row else {"level": row.get("level", 1)}
    made |= {"prompt": prompt, "answer": answer if isinstance(answer, str) else read_text(answer, "answer")}
    sides = {side: _said(row[side], side) for side in ("chosen", "rejected")}
    return Comparison.from_json({"annotator": "human", **row, **sides, "problem": made})


def _said(value: Any, side: str) -> str:
    """A text, or the last turn of a conversation."""
    if isinstance(value, Sequence) and not isinstance(value, str) and value and isinstance(value[-1], Mapping):
        value = value[-1].get("content", value[-1].get("value")) if value[-1].get("role") != "user" else None
    if not isinstance(value, str):
        raise ValueError(f"{side} is no text, and no conversation that ends with the assistant's turn")
    return value


def card_of_labels(comparisons: Sequence[Comparison], grade: Callable[[Problem, str], Verdict]) -> LabelReport:
    """The card of recorded labels, e.g. of people: `grade` (an environment's) says what gold thinks of either text."""
    judgements = []
    for row in comparisons:
        chosen, rejected = (
            features_of_response(row.problem, text, grade(row.problem, text)) for text in (row.chosen, row.rejected)
        )
        judgements.append(Judgement(chosen, rejected, "first"))
    names = sorted({row.annotator for row in comparisons})
    return label_report(judgements, ", ".join(names))
