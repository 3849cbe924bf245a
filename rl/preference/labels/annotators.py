"""Models of the people who compare two solutions: what they notice, what they like, how noisily they choose.

A choice has three layers, each a cause of its own in a study of RLHF:

    perception  takes each solution for right or wrong: wrong steps are noticed with a skill that falls with their size
    style       likes length (or brevity), confidence, tidiness, or the way experts write
    choice      P(A over B) = flip-noise over sigmoid((w (c_A - c_B) + style_A - style_B) / temperature + position bias)

Probabilities are exact: its two outcomes per solution are summed out, not sampled twice.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Protocol

from rl.preference.labels.choice import Choice
from rl.preference.labels.features import SolutionFeatures
from rl.preference.labels.model_judge import ModelJudge
from verifiers.parts import check_methods, find_part, is_own


class Annotator(Protocol):
    """Compares two completions of one problem, in the order in which they are shown."""

    @property
    def name(self) -> str:
        """Who it is, as recorded with every label."""
        ...

    @property
    def judgements_per_pair(self) -> int:
        """How many human judgements one label costs."""
        ...

    def choice(self, first: SolutionFeatures, second: SolutionFeatures) -> Choice:
        """The probabilities of the three answers."""
        ...

    def perceives_right(self, features: SolutionFeatures) -> float:
        """Probability that this solution, read alone, is taken for right."""
        ...

    def utility(self, features: SolutionFeatures) -> float:
        """How much the solution is liked beside its correctness, in units of utility."""
        ...

    def approves(self, features: SolutionFeatures, usual: float) -> float:
        """Probability of a thumbs-up for this solution alone; `usual` is the utility of the ones it is seen among."""
        ...


class Perception(Protocol):
    """How an annotator judges one solution."""

    def perceives_right(self, features: SolutionFeatures) -> float:
        """Probability that the solution is taken for right."""
        ...


@dataclass(frozen=True)
class GoldPerception:
    """Sees the gold verdict: a perfect annotator."""

    def perceives_right(self, features: SolutionFeatures) -> float:
        """1 for a gold-correct solution, else 0."""
        return float(features.is_correct)


@dataclass(frozen=True)
class LimitedPerception:
    """Notices a wrong step of size k in a problem of level n with probability skill * decay^(k-1) * fatigue^(n-4)+.

    The size of a step is how many operations it carries out. A malformed step, a missing answer and an end that does
    not follow from the steps are noticed with `notice_malformed`; a solution without any noticed fault is still taken
    for wrong with probability `false_alarm`. Where no step is known to be wrong, a wrong answer is one fault of size 1.
    """

    skill: float = 0.8  # probability of noticing a wrong step of size 1
    decay: float = 0.65  # factor for each further operation that the step carries out at once
    fatigue: float = 0.95  # factor for each level beyond `rested_level`
    rested_level: int = 4  # fatigue begins beyond this level
    notice_malformed: float = 0.95  # probability of noticing a malformed step, or an end that does not follow
    false_alarm: float = 0.02  # probability that a solution without a noticed fault is taken for wrong

    def __post_init__(self) -> None:
        for name in ("skill", "decay", "fatigue", "notice_malformed", "false_alarm"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a probability in [0, 1]")

    def notices(self, size: int, level: int) -> float:
        """Probability of noticing one wrong step; size 0 is a malformed one."""
        if size == 0:
            return self.notice_malformed
        return self.skill * self.decay ** (size - 1) * self.fatigue ** max(level - self.rested_level, 0)

    def perceives_right(self, features: SolutionFeatures) -> float:
        """(1 - false_alarm) times the probability that every fault escapes."""
        escapes = 1 - self.false_alarm
        for size in features.faults:
            escapes *= 1 - self.notices(size, features.level)
        return escapes


@dataclass(frozen=True)
class StylePreference:
    """What an annotator likes beside correctness; every weight may have either sign, 0 is indifferent.

    Attributes:
        length: per unit of relative length (steps, or words, per one of the reference solution).
        confidence: for a text that asserts its certainty.
        format: for a well-formed solution.
        expertise: per nat of mean log-probability of a step's size under `size_law` ("that is how experts write").
        size_law: rows (largest level, probabilities of sizes 1, 2, ...), needed when expertise is not 0.
    """

    length: float = 0.0
    confidence: float = 0.0
    format: float = 0.0
    expertise: float = 0.0
    size_law: Sequence[tuple[int, Sequence[float]]] = ()

    def __post_init__(self) -> None:
        if self.expertise and not self.size_law:
            raise ValueError("style.expertise needs a size_law, e.g. the demonstrator's")

    def score(self, features: SolutionFeatures) -> float:
        """How much the solution is liked, in units of utility."""
        liked = self.length * features.relative_length
        liked += self.confidence * features.is_confident + self.format * features.is_well_formed
        return liked + (self.expertise * self._expert_likelihood(features) if self.expertise else 0.0)

    def _expert_likelihood(self, features: SolutionFeatures) -> float:
        sizes = [size for size in features.step_sizes if size]
        law = next((row for top, row in self.size_law if features.level <= top), self.size_law[-1][1])
        rare = 1e-3  # a size that experts never write is unusual, not infinitely bad
        chances = [max(law[size - 1], rare) if size <= len(law) else rare for size in sizes]
        return sum(map(math.log, chances)) / len(chances) if chances else math.log(rare)


@dataclass(frozen=True)
class ModelledAnnotator:
    """An annotator made of a perception, a preference for a style, and a noisy choice.

    Attributes:
        correctness: weight w of perceived correctness.
        temperature: tau of the Bradley-Terry choice; larger is noisier.
        flip: probability that the answer is recorded the wrong way round.
        position_bias: added to the logit of the solution shown first.
        tie_margin: utilities that differ by no more than this are called a tie; negative: never a tie (equal
            utilities are then a coin flip).
    """

    name: str = "annotator"
    perception: Perception = field(default_factory=LimitedPerception)
    style: StylePreference = field(default_factory=StylePreference)
    correctness: float = 1.0
    temperature: float = 0.25
    flip: float = 0.0
    position_bias: float = 0.0
    tie_margin: float = -1.0

    def __post_init__(self) -> None:
        if not 0 <= self.flip < 0.5:
            raise ValueError(f"flip is {self.flip}, expected a probability in [0, 0.5)")
        if self.temperature < 0:
            raise ValueError(f"temperature is {self.temperature}, expected 0 (no noise) or more")

    @property
    def judgements_per_pair(self) -> int:
        """One person, one judgement."""
        return 1

    def perceives_right(self, features: SolutionFeatures) -> float:
        """Probability that this solution is taken for right."""
        return self.perception.perceives_right(features)

    def utility(self, features: SolutionFeatures) -> float:
        """Of its style."""
        return self.style.score(features)

    def approves(self, features: SolutionFeatures, usual: float) -> float:
        """The choice against an imagined solution of the usual utility that is as likely right as wrong.

        flip-noise over sigmoid((w (perceived - 1/2) + utility - usual) / temperature), summed over what is perceived.
        """
        right, utility, up = self.perceives_right(features), self.utility(features) - usual, 0.0
        for seen, chance in ((1, right), (0, 1 - right)):
            up += chance * self._prefers_first(self.correctness * (seen - 0.5) + utility, bias=0.0)
        return (1 - self.flip) * up + self.flip * (1 - up)

    def choice(self, first: SolutionFeatures, second: SolutionFeatures) -> Choice:
        """Sums over what the perception may perceive of either solution."""
        right_first, right_second = self.perceives_right(first), self.perceives_right(second)
        utility = self.utility(first) - self.utility(second)
        prefers, tie = 0.0, 0.0
        for seen_first, seen_second in product((0, 1), repeat=2):
            chance = right_first if seen_first else 1 - right_first
            chance *= right_second if seen_second else 1 - right_second
            advantage = self.correctness * (seen_first - seen_second) + utility
            if abs(advantage) <= self.tie_margin:
                tie += chance
            else:
                prefers += chance * self._prefers_first(advantage, self.position_bias)
        rest = 1 - tie - prefers
        return Choice((1 - self.flip) * prefers + self.flip * rest, (1 - self.flip) * rest + self.flip * prefers, tie)

    def _prefers_first(self, advantage: float, bias: float) -> float:
        if self.temperature == 0 and advantage != 0:
            return float(advantage > 0)
        logit = (advantage / self.temperature if self.temperature else 0.0) + bias
        return 1 / (1 + math.exp(-max(min(logit, 500.0), -500.0)))


@dataclass(frozen=True)
class Panel:
    """Several annotators, each with a perception and a style of its own.

    Attributes:
        annotators: the people.
        vote: "one": each pair goes to one annotator drawn evenly (disagreement becomes label noise); "majority": all of
            them judge it and most votes win, an even split being a tie; costs len(annotators) judgements.
    """

    annotators: Sequence[Annotator]
    vote: str = "one"
    name: str = "panel"

    def __post_init__(self) -> None:
        if not self.annotators:
            raise ValueError("annotators is empty, expected at least one annotator")
        if self.vote not in ("one", "majority"):
            raise ValueError(f"vote is {self.vote!r}, expected 'one' or 'majority'")

    @property
    def judgements_per_pair(self) -> int:
        """How many annotators look at a pair."""
        return len(self.annotators) if self.vote == "majority" else 1

    def perceives_right(self, features: SolutionFeatures) -> float:
        """Mean over the annotators."""
        return sum(annotator.perceives_right(features) for annotator in self.annotators) / len(self.annotators)

    def utility(self, features: SolutionFeatures) -> float:
        """Mean over the annotators."""
        return sum(annotator.utility(features) for annotator in self.annotators) / len(self.annotators)

    def approves(self, features: SolutionFeatures, usual: float) -> float:
        """The panel's thumbs-up: that of one annotator, or of most of them (an even split is a fair draw)."""
        chances = [annotator.approves(features, usual) for annotator in self.annotators]
        if self.vote == "one":
            return sum(chances) / len(chances)
        lead = {0: 1.0}
        for p in chances:
            lead = _add_vote(lead, Choice(p, 1 - p))
        return sum(p for votes, p in lead.items() if votes > 0) + 0.5 * lead.get(0, 0.0)

    def choice(self, first: SolutionFeatures, second: SolutionFeatures) -> Choice:
        """The panel's answer: a mixture of the annotators, or the exact distribution of their vote."""
        choices = [annotator.choice(first, second) for annotator in self.annotators]
        if self.vote == "one":
            n = len(choices)
            return Choice(*(sum(getattr(c, side) for c in choices) / n for side in ("first", "second", "tie")))
        lead = {0: 1.0}  # votes for the first minus votes for the second -> probability
        for c in choices:
            lead = _add_vote(lead, c)
        first_wins = sum(p for votes, p in lead.items() if votes > 0)
        second_wins = sum(p for votes, p in lead.items() if votes < 0)
        return Choice(first_wins, second_wins, lead.get(0, 0.0))


def _add_vote(lead: Mapping[int, float], choice: Choice) -> dict[int, float]:
    after: dict[int, float] = {}
    for votes, chance in lead.items():
        for change, probability in ((1, choice.first), (-1, choice.second), (0, choice.tie)):
            after[votes + change] = after.get(votes + change, 0.0) + chance * probability
    return after


def draw(choice: Choice, rng: random.Random) -> str:
    """ "first", "second" or "tie", with these probabilities."""
    u = rng.random()
    if u < choice.first:
        return "first"
    return "second" if u < choice.first + choice.second else "tie"


PRESETS: Mapping[str, Callable[[], ModelledAnnotator]] = {
    # gold verdicts, no noise; equal verdicts are a tie: what is lost with it is the cost of learning a proxy at all
    "perfect": lambda: ModelledAnnotator("perfect", GoldPerception(), temperature=0.0, tie_margin=0.0),
    # limited skill alone
    "careful": lambda: ModelledAnnotator("careful", flip=0.05),
    # and a preference, for short solutions or for long ones: its strength leaves the agreement with gold on decisive
    # pairs within what people reach, 60 to 77 % (docs/preference.md)
    "concise": lambda: ModelledAnnotator("concise", style=StylePreference(length=-0.5), flip=0.05),
    "verbose": lambda: ModelledAnnotator("verbose", style=StylePreference(length=0.5), flip=0.05),
}
ANNOTATOR_METHODS = ("choice", "perceives_right", "utility", "approves")


def make_annotator(preset: str, **changes: Any) -> Annotator:
    """The annotator of a preset (perfect, careful, concise, verbose) with some of its fields changed; a `panel`, or a
    language `model` (rl/preference/labels/model_judge.py).

    Perception and style may be given as mappings of their fields. A panel takes `annotators`, each a preset or a
    mapping with `name` and changes, and `vote`. One of your own is named as in verifiers/parts.py.

    Raises:
        ValueError: unknown preset or value. TypeError: unknown field.
    """
    if preset == "panel":
        members = [{"name": one} if isinstance(one, str) else dict(one) for one in changes.pop("annotators", ())]
        return Panel(tuple(make_annotator(one.pop("name"), **one) for one in members), **changes)
    if preset == "model":
        return ModelJudge(**changes)
    if is_own("annotator", preset, PRESETS):
        made: Annotator = find_part("annotator", preset, {})(**changes)
        check_methods("annotator", preset, made, ANNOTATOR_METHODS, attributes=("name", "judgements_per_pair"))
        return made
    find_part("annotator", preset, {**PRESETS, "panel": Panel, "model": None})
    for field_name, kind in (("perception", LimitedPerception), ("style", StylePreference)):
        if isinstance(changes.get(field_name), Mapping):
            if "leap_law" in changes[field_name]:
                raise ValueError(f"{field_name}: leap_law is now called size_law: write that instead")
            changes[field_name] = kind(**changes[field_name])
    return replace(PRESETS[preset](), **changes)
