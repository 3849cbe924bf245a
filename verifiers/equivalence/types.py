"""What an equivalence check is asked, what it says, and the rules that say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from verifiers.parse.tree import Expr
from verifiers.types import Outcome, Reason


@dataclass(frozen=True)
class Settings:
    """How answers are compared.

    Attributes:
        tolerance: absolute difference that still counts as equal; None: none.
        round_to_reference: an exact answer that rounds to a decimal reference of at least three digits is accepted.
        relative_tolerance: the same, as a fraction of the reference.
        allow_unevaluated: an integral, sum, limit, derivative or gcd counts as an answer where the reference has none.
        percent_as_number: `10` answers `10%` and the other way round (both also equal 0.1 when written so).
        require_units: a reference with a unit asks for the unit in the answer.
        without: names of rules that are switched off.
    """

    tolerance: float | None = None
    relative_tolerance: float | None = None
    round_to_reference: bool = False
    allow_unevaluated: bool = False
    percent_as_number: bool = True
    require_units: bool = False
    without: frozenset[str] = frozenset()

    def uses(self, rule: str) -> bool:
        """Whether the rule of that name is switched on."""
        return rule not in self.without


@dataclass(frozen=True)
class Equivalence:
    """Whether an answer is equivalent to the reference, and by which argument.

    `method`: text, exact, modular, numeric, tolerance, symbolic, structure.
    """

    equal: bool
    detail: str = ""
    reason: Reason | None = None
    method: str = "structure"
    is_read: bool = True  # False: the answer is nothing that could be compared

    @property
    def outcome(self) -> Outcome:
        """How a verification ends that judges so."""
        return Outcome.CORRECT if self.equal else Outcome.WRONG if self.is_read else Outcome.UNPARSEABLE

    def __bool__(self) -> bool:
        return self.equal


class Compare(Protocol):
    """The comparison that a rule is part of: what it asks about the parts of answers."""

    @property
    def settings(self) -> Settings:
        """How answers are compared."""

    def __call__(self, answer: Expr, reference: Expr) -> Equivalence:
        """Whether two parts say the same."""


def yes(detail: str, method: str) -> Equivalence:
    """A judgement of equality."""
    return Equivalence(True, detail, None, method)


def no(detail: str, reason: Reason | None = None, method: str = "structure") -> Equivalence:
    """A judgement of difference."""
    return Equivalence(False, detail, reason, method)


def unread(detail: str, reason: Reason | None = None) -> Equivalence:
    """A judgement on what cannot be read."""
    return Equivalence(False, detail, reason, is_read=False)


@dataclass(frozen=True)
class Rule:
    """One kind of answer, when it is that, and how two answers of the kind are compared.

    Rules stand in ordered tables (`dispatch.py`). Each can be switched off by its name, so that what it is worth can be
    counted: `python -m experiments.bench.verifiers --ablate`.

    Attributes:
        name: what it is about, and what switches it off.
        applies: (answer, reference) -> whether it may have something to say; cheap.
        compare: (answer, reference, comparison of parts) -> its judgement; None where on a closer look it has none.
    """

    name: str
    applies: Callable[[Expr, Expr], bool]
    compare: Callable[[Expr, Expr, Compare], Equivalence | None]

    def judge(self, answer: Expr, reference: Expr, compare: Compare) -> Equivalence | None:
        """The rule's judgement; None where it does not apply or is switched off."""
        is_tried = compare.settings.uses(self.name) and self.applies(answer, reference)
        return self.compare(answer, reference, compare) if is_tried else None


def first_judgement(rules: Sequence[Rule], answer: Expr, reference: Expr, compare: Compare) -> Equivalence | None:
    """The judgement of the first rule that has one; None where none has."""
    judgements = (rule.judge(answer, reference, compare) for rule in rules)
    return next((judged for judged in judgements if judged is not None), None)


def always(answer: Expr, reference: Expr) -> bool:
    """Applies to everything: the rule finds out by itself."""
    return True


def either(*kinds: type[Expr]) -> Callable[[Expr, Expr], bool]:
    """Applies where one of the two is of such a kind."""
    return lambda answer, reference: isinstance(answer, kinds) or isinstance(reference, kinds)


def both(*kinds: type[Expr]) -> Callable[[Expr, Expr], bool]:
    """Applies where both are of such a kind."""
    return lambda answer, reference: isinstance(answer, kinds) and isinstance(reference, kinds)
