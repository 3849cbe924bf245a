"""Equality of expressions with operators (integrals, sums, limits, derivatives) and with functions of integers.

In order: the same expression but for the bound variable's name, values at integers for finite sums with a letter in
their ends, first terms for power series, then the operators worked out symbolically.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from verifiers.algebra.contexts import DIGITS
from verifiers.algebra.exact import NO_VALUE, InexactError, UndefinedError, exact, exact_or_none
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.sampling import POINTS, SPARE_DIGITS, Point, close, integer_points, seeded
from verifiers.equivalence.conventions import INTEGERS
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.proof import worked_out
from verifiers.parse import Expr, OverBudgetError, free_symbols, marks, walk
from verifiers.parse.rewrite import substitute, transform
from verifiers.parse.tree import Bound, Const, Sym, num
from verifiers.types import Reason

_ON_INTEGERS = frozenset(("Call:floor", "Call:ceil", "Op:dfact", "Op:fact", "Call:binomial"))
_INTEGER_POINTS = 14  # two closed forms of lower degree cannot agree at so many
_LARGEST, _LARGEST_CLOSED = 100, 10**40  # integers that are tried, with sums and without
_SERIES_TERMS = (30, 120)  # of a power series at about 0.02: 1e-50; of one about another point, 2^-120


def is_about_integers(answer: Expr, reference: Expr, names: Collection[str]) -> bool:
    """Whether a rounding or a factorial of letters such as n and k stands in one of the two."""
    return bool(names) and INTEGERS.issuperset(names) and not _ON_INTEGERS.isdisjoint(marks(answer) | marks(reference))


def has_calculus(expr: Expr) -> bool:
    """Whether an operator of calculus stands in the expression; a sum or product with numbers for ends is none."""
    return "Bound" in marks(expr) and any(isinstance(node, Bound) and not _finite(node) for node in walk(expr))


def _finite(node: Bound) -> bool:
    ends = [exact_or_none(end) for end in (node.low, node.high) if end is not None]
    return node.kind in ("sum", "prod") and len(ends) == 2 and None not in ends


def worked_operators(answer: Expr, reference: Expr, settings: Settings) -> Equivalence | tuple[Expr, Expr]:
    """Two expressions of which one has an integral, limit, derivative, or sum with open ends.

    Their judgement where it needs no closed form, else both with their operators worked out.
    """
    if _renamed_bound(answer) == _renamed_bound(reference):
        return yes("the same expression up to the name of the bound variable", "structure")
    if not settings.allow_unevaluated and has_calculus(answer) and not has_calculus(reference):
        return no("an operator is left to work out", Reason.UNEVALUATED)
    for agree in (agree_at_integers, _agree_as_power_series):
        judged = agree(answer, reference)
        if judged is not None:
            return judged
    left, right = worked_out(answer), worked_out(reference)
    if left is None or right is None:
        return no("an operator could not be worked out within the budget", Reason.OVER_BUDGET)
    return left, right


def agree_at_integers(answer: Expr, reference: Expr) -> Equivalence | None:
    """Finite sums and products with symbolic ends, compared at integer values of the symbols. None: does not apply."""
    names = sorted(free_symbols(answer) | free_symbols(reference))
    bounds = [node for node in (*walk(answer), *walk(reference)) if isinstance(node, Bound)]
    is_finite = all(node.kind in ("sum", "prod") and "Const:inf" not in marks(node) for node in bounds)
    if not names or not is_finite or "Op:mod" in marks(answer) | marks(reference):
        return None
    largest = _LARGEST if bounds else _LARGEST_CLOSED
    agreed = 0
    for values in integer_points(names, seeded(answer, reference), largest=largest):
        try:
            same = _same_at(answer, reference, values)
        except UndefinedError:
            continue
        except OverBudgetError:
            if agreed < _INTEGER_POINTS // 2:
                return None
            break
        except InexactError:
            return None
        if not same:
            return no(f"different values at {values}", method="numeric")
        agreed += 1
    return yes(f"equal at {agreed} integer points", "numeric") if agreed >= _INTEGER_POINTS // 2 else None


def _same_at(answer: Expr, reference: Expr, values: Point) -> bool:
    try:
        return exact(answer, values) == exact(reference, values)
    except InexactError:
        return close(numeric(answer, values), numeric(reference, values))


def _agree_as_power_series(answer: Expr, reference: Expr) -> Equivalence | None:
    """Infinite sums compared by their first terms near zero, where a power series has converged.

    None: another operator stands in one of them, or the terms do not fall fast enough.
    """
    names = sorted(free_symbols(answer) | free_symbols(reference))
    if not names or not (_is_series(answer) and _is_series(reference)):
        return None
    judgements = (_agree_to_terms(answer, reference, names, terms) for terms in _SERIES_TERMS)
    return next((judged for judged in judgements if judged is not None), None)


def _agree_to_terms(answer: Expr, reference: Expr, names: Sequence[str], terms: int) -> Equivalence | None:
    """The same with so many terms. None: twice as many terms add something."""
    cut_off = [_cut_off(side, count) for count in (terms, 2 * terms) for side in (answer, reference)]
    rng = seeded(answer, reference)
    for _ in range(POINTS):
        values = {name: rng.randrange(10**8, 3 * 10**8) / 10**10 for name in names}  # 0.01 to 0.03
        try:
            short, short_other, long, other = (numeric(part, values) for part in cut_off)
        except NO_VALUE:
            return None
        if not (close(short, long) and close(short_other, other)):
            return None
        if not close(long, other):
            return no("different power series", method="numeric")
    return yes(f"the same power series (to {DIGITS - SPARE_DIGITS} digits near zero)", "numeric")


def _is_series(expr: Expr) -> bool:
    """Whether infinite sums are the only operators."""
    return all(
        node.kind == "sum" and node.high == Const("inf") and node.low is not None
        for node in walk(expr)
        if isinstance(node, Bound)
    )


def _cut_off(expr: Expr, terms: int) -> Expr:
    """The expression with its infinite sums cut off after so many terms."""

    def change(node: Expr) -> Expr | None:
        """A sum with a lower end as its first terms; None leaves the node as it is."""
        match node:
            case Bound(low=Expr() as low):
                return replace(node, high=low + num(terms))
        return None

    return transform(expr, change)


def _renamed_bound(expr: Expr) -> Expr:
    def rename(node: Expr) -> Expr | None:
        """An operator that binds a variable, with the common name for it; None leaves the node as it is."""
        if not isinstance(node, Bound) or node.kind == "diff" or (node.kind == "int" and node.low is None):
            return None
        return replace(node, body=substitute(node.body, {node.variable: Sym("#bound")}), variable="#bound")

    return transform(expr, rename)
