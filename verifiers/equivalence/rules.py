"""A rule: one kind of answer, when it is that, and how two answers of the kind are compared.

The rules stand in ordered tables (`dispatch.py`, `ambiguity.py`). Each can be switched off by its name, so that what it
is worth can be counted: `python -m experiments.bench.verifiers --ablate`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from verifiers.equivalence.types import Compare, Equivalence
from verifiers.parse.tree import Expr


@dataclass(frozen=True)
class Rule:
    """One row of a table.

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
