"""The order in which kinds of answers are tried: words, sets of reals, several values, relations, single values."""

from __future__ import annotations

from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.equivalence.rules import Rule, always, both, either
from verifiers.equivalence.sets.integers import compare_integers
from verifiers.equivalence.sets.periodic import compare_periodic
from verifiers.equivalence.sets.progressions import compare_progressions
from verifiers.equivalence.sets.realsets import NotARealSetError, compare_sets, is_setlike
from verifiers.equivalence.several.arrays import compare_matrices, compare_unit_vectors, compare_vector, worked
from verifiers.equivalence.several.collections import (
    Collection,
    as_curve,
    chained,
    collection,
    compare_collections,
    compare_entries,
)
from verifiers.equivalence.several.expanding import has_signs
from verifiers.equivalence.several.families import as_family, compare_families, with_values
from verifiers.equivalence.several.lines import compare_lines, named_line
from verifiers.equivalence.several.piecewise import as_sequence, compare_piecewise
from verifiers.equivalence.several.restated import compare_last
from verifiers.equivalence.several.systems import compare_systems
from verifiers.equivalence.types import Compare, Equivalence, Settings, no, yes
from verifiers.equivalence.values.constants import compare_general
from verifiers.equivalence.values.measures import compare_scalars
from verifiers.equivalence.values.relations import compare_relations
from verifiers.equivalence.values.scalars import leaves_operation
from verifiers.equivalence.words.labels import ContradictionError, Labelled, label_chain, labelled
from verifiers.equivalence.words.naming import same_function, states_number
from verifiers.equivalence.words.solved import leaves_equations
from verifiers.equivalence.words.wording import compare_words
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import (
    Cases,
    Dots,
    Expr,
    Family,
    Group,
    Interval,
    Matrix,
    Op,
    Rel,
    Sym,
    Text,
    free_symbols,
    marks,
)
from verifiers.text import listed
from verifiers.types import Reason

_DEFAULT = Settings()
# nodes of plain values: where nothing else stands in either side, no other kind of answer need be tried
_ONE_VALUE = listed(
    "Num Sym Op Call Const Const:pi Const:e Const:i Op:add Op:mul Op:div Op:pow Op:neg Op:percent Op:degree Op:fact"
    " Call:sqrt Call:root Call:sin Call:cos Call:tan Call:ln Call:log Call:abs Call:binomial Quantity Ratio BaseNum"
)


def equivalent(answer: Expr, reference: Expr, settings: Settings = _DEFAULT) -> Equivalence:
    """Whether `answer` says what `reference` says.

    Symmetric except where the reference sets the terms: its decimals allow rounding, its unit may be left out, and
    only the answer is refused for contradicting itself or being left unevaluated.
    """
    try:
        if not settings.allow_unevaluated and leaves_operation(answer, reference):
            return no("an operation is left to work out", Reason.UNEVALUATED)
        judged = _compare(answer, reference, settings)
        solves = settings.allow_unevaluated or not settings.uses(UNSOLVED)
        if judged and not solves and leaves_equations(answer, reference):
            return no("an equation is left to solve", Reason.UNEVALUATED)
        return judged
    except ContradictionError as error:
        return no(str(error), Reason.CONTRADICTION)
    except OverBudgetError as error:
        return no(str(error), Reason.OVER_BUDGET)
    except (InexactError, UndefinedError, NotARealSetError) as error:
        return no(f"no value to compare: {error}")
    except RecursionError:
        return no("nested too deeply", Reason.OVER_BUDGET)


def _compare(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    if answer == reference:
        if isinstance(answer, Dots):
            return no("dots alone are no answer")
        return yes("the same expression", "text")
    if _ONE_VALUE.issuperset(marks(answer)) and _ONE_VALUE.issuperset(marks(reference)):
        return _compare_single(answer, reference, settings)
    answer, reference = (with_values(as_family(worked(as_sequence(named_line(side))))) for side in (answer, reference))
    for rule in KINDS:
        judged = rule.judge(answer, reference, _compare, settings)
        if judged is not None:
            return judged
    return _compare_single(answer, reference, settings)


def _is_set(answer: Expr, reference: Expr) -> bool:
    return is_setlike(reference) or is_setlike(answer)


def _compare_as_sets(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Equivalence | None:
    """As sets of reals, if one of the two can only be that; None if this reading does not apply."""
    if isinstance(answer, Interval) and isinstance(reference, Interval) and not _listlike(answer, reference):
        return compare_sets(answer, reference, settings)
    if isinstance(reference, Rel) and reference.ops == ("in",) and not is_setlike(answer):
        return no("values, where a set is asked for") if isinstance(reference.sides[1], Interval) else None
    if _both_closed_pairs(answer, reference):
        return None
    try:
        return compare_sets(_unlabelled(answer), _unlabelled(reference), settings)
    except NotARealSetError:
        return None


def _listlike(first: Expr, second: Expr) -> bool:
    return has_signs(first) or has_signs(second)


def _both_closed_pairs(first: Expr, second: Expr) -> bool:
    """[1, 2] beside a bare list or tuple is a list written in square brackets."""
    for one, other in ((first, second), (second, first)):
        if (
            isinstance(one, Interval)
            and one.closed_low
            and one.closed_high
            and isinstance(other, Group)
            and other.kind in ("list", "square")
        ):
            return True
    return False


def _unlabelled(expr: Expr) -> Expr:
    """A set behind a label: A = (1, 2), or "domain: x > 1"."""
    if isinstance(expr, Rel) and expr.ops == ("=",) and (is_setlike(expr.sides[1]) or isinstance(expr.sides[1], Group)):
        return expr.sides[1]
    return expr


def _compare_as_several(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Equivalence | None:
    if _is_other_formula(answer, reference):
        return no("joined by another connective")
    left, right = collection(answer), collection(reference)
    if left is None and (right is not None or label_chain(reference)):
        left = chained(answer)
    if right is None and left is not None:
        right = chained(reference)
    if left is None and right is None:
        if label_chain(reference) and isinstance(answer, Rel):
            return no("a value for one of several names")
        return None
    judged = _compare_collections(left, right, answer, reference, settings)
    if not judged and (has_signs(answer) or has_signs(reference)):
        again = _compare_collections(
            collection(answer, independent_signs=True),
            collection(reference, independent_signs=True),
            answer,
            reference,
            settings,
        )
        return again if again else judged
    return judged


def _is_other_formula(answer: Expr, reference: Expr) -> bool:
    r"""Whether both are formulas such as p \land q and p \lor q, with different connectives."""
    sides = [side for side in (answer, reference) if isinstance(side, Group)]
    is_formula = all(
        isinstance(item, Sym) or (isinstance(item, Op) and item.op == "not") for side in sides for item in side.items
    )
    return len(sides) == 2 and is_formula and {side.kind for side in sides} == {"and", "or"}


def _compare_collections(
    left: Collection | None, right: Collection | None, answer: Expr, reference: Expr, settings: Settings
) -> Equivalence:
    if left is None or right is None:
        vector = compare_vector(answer, reference, left, right, _compare, settings)
        if vector is not None:
            return vector
        if right is None and left is not None and _single(answer, left):
            return _compare(left.items[0].value, reference, settings)
        if left is None and right is not None and _single(reference, right):
            return _compare(answer, right.items[0].value, settings)
        if left is None and right is not None and _is_one_value(reference, right, settings):
            return _compare(answer, right.items[0].value, settings)
        curve = as_curve(left) if left is not None and isinstance(reference, Rel) else None
        if curve is not None:  # y = \pm 2\sqrt{2x} for y^2 = 8x
            assert isinstance(reference, Rel)
            return compare_relations(curve, reference, settings)
        last = LAST.judge(answer, reference, _compare, settings) if right is None else None
        if last is not None:
            return last
        count = "one value" if left is None else f"{len(left.items)} values"
        expected = "one" if right is None else str(len(right.items))
        return no(f"{count}, expected {expected}")
    return compare_collections(left, right, _compare, settings)


def _is_one_value(expr: Expr, items: Collection, settings: Settings) -> bool:
    """Whether a reference says one number in several forms: `7/2 or 3.5`."""
    if not isinstance(expr, Group) or expr.kind != "or" or any(free_symbols(entry.value) for entry in items.items):
        return False
    first, *others = (entry.value for entry in items.items)
    return all(other != first and _compare(other, first, settings) for other in others)


def _single(expr: Expr, items: Collection) -> bool:
    """{5} and [5] stand for 5; (5,) does not."""
    return len(items.items) == 1 and (items.explicit_set or (isinstance(expr, Group) and expr.kind == "square"))


def _compare_single(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    judged = _compare_one(answer, reference, settings)
    if not judged and judged.reason is None:
        general = GENERAL.judge(answer, reference, _compare, settings)
        return general if general else judged
    return judged


def _compare_one(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    mine, theirs = labelled(answer), labelled(reference)
    if isinstance(mine.value, Rel) or isinstance(theirs.value, Rel):
        return _compare_equations(mine, theirs, settings)
    if mine.label is not None and theirs.label is not None and mine.label != theirs.label:
        renamed = same_function(mine, theirs) if settings.uses(RENAMED_FUNCTIONS) else None
        if renamed is not None:
            return compare_entries(renamed, theirs, _compare, settings)
        return _compare_other_labels(answer, reference, mine, theirs, settings)
    if mine.label is not None and theirs.label is None and mine.label == reference:
        return no("the name of the unknown is no value")
    if mine.value is not answer or theirs.value is not reference:
        judged = compare_entries(mine, theirs, _compare, settings)
        if judged or not (isinstance(answer, Rel) and isinstance(reference, Rel)):
            return judged
        return compare_relations(answer, reference, settings)
    return _compare_atoms(answer, reference, settings)


def _compare_atoms(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    for rule in SINGLES:
        judged = rule.judge(answer, reference, _compare, settings)
        if judged is not None:
            return judged
    if "Dots" in marks(answer) or "Dots" in marks(reference):
        return no("an expression with dots is compared as written")
    if _is_structured(answer) != _is_structured(reference):
        return no("different kinds of answer")
    return compare_scalars(answer, reference, settings)


def _is_structured(expr: Expr) -> bool:
    return isinstance(expr, Cases | Group | Interval) or (isinstance(expr, Matrix) and expr.kind == "matrix")


def _compare_equations(mine: Labelled, theirs: Labelled, settings: Settings) -> Equivalence:
    if isinstance(mine.value, Rel) and isinstance(theirs.value, Rel):
        return compare_relations(mine.value, theirs.value, settings)
    if isinstance(mine.value, Rel):
        equation, value, label = mine.value, theirs.value, theirs.label
        states = settings.uses(NAMED_NUMBERS) and states_number(equation)
        if label is None and states and not free_symbols(value):
            return _compare(equation.sides[1], value, settings)  # m + n = 5 for 5
    else:
        assert isinstance(theirs.value, Rel)
        equation, value, label = theirs.value, mine.value, mine.label
    if label is not None:
        other = Rel(("=",), (label, value))
        pair = (equation, other) if equation is mine.value else (other, equation)
        return compare_relations(*pair, settings)
    return no("an equation and a value")


def _compare_other_labels(
    answer: Expr, reference: Expr, mine: Labelled, theirs: Labelled, settings: Settings
) -> Equivalence:
    """y = 5 for x = 5 is another unknown; 2 = y for y = 2 and x = 3 + 0y are settled as equations."""
    if isinstance(answer, Rel) and isinstance(reference, Rel) and "approx" not in answer.ops + reference.ops:
        if (
            isinstance(mine.label, Sym)
            and isinstance(theirs.label, Sym)
            and len(mine.label.name) > 1
            and " " in mine.label.name
        ):
            return compare_entries(mine, theirs, _compare, settings)  # "the answer = 5"
        if len(answer.sides) == 2 == len(reference.sides):
            return compare_relations(answer, reference, settings)
    return no("a value for another name")


def _are_matrices(answer: Expr, reference: Expr) -> bool:
    return all(isinstance(side, Matrix) and side.kind == "matrix" for side in (answer, reference))


def _is_one_matrix(answer: Expr, reference: Expr) -> bool:
    return isinstance(answer, Matrix) != isinstance(reference, Matrix)


def _have_rows(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Equivalence:
    assert isinstance(answer, Matrix)
    assert isinstance(reference, Matrix)
    return compare_matrices(answer, reference, compare, settings)


NAMED_NUMBERS, RENAMED_FUNCTIONS, UNSOLVED = "named numbers", "renamed functions", "unsolved equations"
LAST = Rule("equations that end in a value", always, compare_last)
GENERAL = Rule("arbitrary constants", always, lambda a, b, compare, settings: compare_general(a, b, settings))
KINDS = (
    Rule("points on lines", both(Family), lambda a, b, compare, settings: compare_lines(a, b)),
    Rule("periodic sets", always, lambda a, b, compare, settings: compare_progressions(a, b)),
    Rule("periodic intervals", always, lambda a, b, compare, settings: compare_periodic(a, b)),
    Rule("sets of integers", always, lambda a, b, compare, settings: compare_integers(a, b)),
    Rule("families", either(Family), compare_families),
    Rule("words", either(Text), compare_words),
    Rule("sets of reals", _is_set, _compare_as_sets),
    Rule("linear systems", always, lambda a, b, compare, settings: compare_systems(a, b) or None),
    Rule("lines", both(Family, Group, Matrix, Rel), lambda a, b, compare, settings: compare_lines(a, b)),
    Rule("several values", always, _compare_as_several),
)
SINGLES = (
    Rule("matrices", _are_matrices, _have_rows),
    Rule("unit vectors", _is_one_matrix, compare_unit_vectors),
    Rule("piecewise values", either(Cases), lambda a, b, compare, settings: compare_piecewise(a, b, settings)),
)
