"""The order in which kinds of answers are tried: words, sets of reals, several values, relations, single values."""

from __future__ import annotations

from dataclasses import dataclass

from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.equivalence.ambiguity import READINGS
from verifiers.equivalence.sets.integers import compare_integers
from verifiers.equivalence.sets.progressions import compare_periodic, compare_progressions
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
from verifiers.equivalence.several.systems import compare_systems
from verifiers.equivalence.types import (
    Compare,
    Equivalence,
    Rule,
    Settings,
    always,
    both,
    either,
    first_judgement,
    no,
    yes,
)
from verifiers.equivalence.values.constants import compare_general
from verifiers.equivalence.values.measures import compare_scalars
from verifiers.equivalence.values.relations import compare_relations
from verifiers.equivalence.values.scalars import leaves_operation
from verifiers.equivalence.words.equations import compare_last, leaves_equations, states_number
from verifiers.equivalence.words.labels import ContradictionError, Labelled, label_chain, labelled, same_function
from verifiers.equivalence.words.wording import compare_words
from verifiers.parse import Expr, OverBudgetError, free_symbols, is_equation, is_group, is_op, marks
from verifiers.parse.tree import (
    Cases,
    Dots,
    Family,
    Group,
    Interval,
    Matrix,
    Rel,
    Sym,
    Text,
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
        judged = _Comparison(settings)(answer, reference)
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


@dataclass(frozen=True)
class _Comparison:
    """Compares two answers, or two parts of answers, under the same settings."""

    settings: Settings

    def __call__(self, answer: Expr, reference: Expr) -> Equivalence:
        """Whether both say the same."""
        if answer == reference:
            is_empty = isinstance(answer, Dots)
            return no("dots alone are no answer") if is_empty else yes("the same expression", "text")
        if not _ONE_VALUE.issuperset(marks(answer) | marks(reference)):
            sides = (with_values(as_family(worked(as_sequence(named_line(side))))) for side in (answer, reference))
            answer, reference = sides
            judged = first_judgement(KINDS, answer, reference, self)
            if judged is not None:
                return judged
        judged = _compare_one(answer, reference, self)
        if judged or judged.reason is not None:
            return judged
        return GENERAL.judge(answer, reference, self) or judged


def _compare_as_sets(answer: Expr, reference: Expr, compare: Compare) -> Equivalence | None:
    """As sets of reals, if one of the two can only be that; None if this reading does not apply."""
    if isinstance(answer, Interval) and isinstance(reference, Interval) and not _has_signs(answer, reference):
        return compare_sets(answer, reference, compare.settings)
    if isinstance(reference, Rel) and reference.ops == ("in",) and not is_setlike(answer):
        return no("values, where a set is asked for") if isinstance(reference.sides[1], Interval) else None
    if _is_closed_pair(answer, reference) or _is_closed_pair(reference, answer):
        return None
    try:
        return compare_sets(_unlabelled(answer), _unlabelled(reference), compare.settings)
    except NotARealSetError:
        return None


def _has_signs(answer: Expr, reference: Expr) -> bool:
    return has_signs(answer) or has_signs(reference)


def _is_closed_pair(pair: Expr, other: Expr) -> bool:
    """[1, 2] beside a bare list or tuple is a list written in square brackets."""
    return isinstance(pair, Interval) and pair.closed_low and pair.closed_high and is_group(other, "list", "square")


def _unlabelled(expr: Expr) -> Expr:
    """A set behind a label: A = (1, 2), or "domain: x > 1"."""
    is_named = is_equation(expr) and (is_setlike(expr.sides[1]) or isinstance(expr.sides[1], Group))
    return expr.children[1] if is_named else expr


def _compare_as_several(answer: Expr, reference: Expr, compare: Compare) -> Equivalence | None:
    if _is_other_formula(answer, reference):
        return no("joined by another connective")
    left, right = collection(answer), collection(reference)
    if left is None and (right is not None or label_chain(reference)):
        left = chained(answer)
    if right is None and left is not None:
        right = chained(reference)
    if left is None and right is None:
        is_name = label_chain(reference) and isinstance(answer, Rel)
        return no("a value for one of several names") if is_name else None
    judged = _compare_collections(left, right, answer, reference, compare)
    if judged or not _has_signs(answer, reference):
        return judged
    left, right = (collection(side, independent_signs=True) for side in (answer, reference))
    return _compare_collections(left, right, answer, reference, compare) or judged


def _is_other_formula(answer: Expr, reference: Expr) -> bool:
    r"""Whether both are formulas such as p \land q and p \lor q, with different connectives."""
    if not (isinstance(answer, Group) and isinstance(reference, Group)):
        return False
    items = (*answer.items, *reference.items)
    return {answer.kind, reference.kind} == {"and", "or"} and all(isinstance(i, Sym) or is_op(i, "not") for i in items)


def _compare_collections(
    left: Collection | None, right: Collection | None, answer: Expr, reference: Expr, compare: Compare
) -> Equivalence:
    if left is not None and right is not None:
        return compare_collections(left, right, compare)
    vector = compare_vector(answer, reference, left, right, compare)
    if vector is not None:
        return vector
    if left is not None:
        if _stands_for_one(answer, left):
            return compare(left.values[0], reference)
        if isinstance(reference, Rel) and (curve := as_curve(left)) is not None:  # y = \pm 2\sqrt{2x} for y^2 = 8x
            return compare_relations(curve, reference, compare.settings)
    elif right is not None and (_stands_for_one(reference, right) or _is_said_again(reference, right, compare)):
        return compare(answer, right.values[0])
    last = LAST.judge(answer, reference, compare) if right is None else None
    count, expected = ("one" if side is None else str(len(side.items)) for side in (left, right))
    return last if last is not None else no(f"{count} value{'s' * (left is not None)}, expected {expected}")


def _is_said_again(expr: Expr, items: Collection, compare: Compare) -> bool:
    """Whether a reference says one number in several forms: `7/2 or 3.5`."""
    if not is_group(expr, "or") or any(map(free_symbols, items.values)):
        return False
    first, *others = items.values
    return all(other != first and compare(other, first) for other in others)


def _stands_for_one(expr: Expr, items: Collection) -> bool:
    """{5} and [5] stand for 5; (5,) does not."""
    return len(items.items) == 1 and (items.explicit_set or is_group(expr, "square"))


def _compare_one(answer: Expr, reference: Expr, compare: Compare) -> Equivalence:
    mine, theirs = labelled(answer), labelled(reference)
    if isinstance(mine.value, Rel) or isinstance(theirs.value, Rel):
        return _compare_equations(mine, theirs, compare)
    if mine.label is not None and theirs.label is not None and mine.label != theirs.label:
        renamed = same_function(mine, theirs) if compare.settings.uses(RENAMED_FUNCTIONS) else None
        if renamed is not None:
            return compare_entries(renamed, theirs, compare)
        return _compare_other_labels(answer, reference, mine, theirs, compare)
    if mine.label is not None and theirs.label is None and mine.label == reference:
        return no("the name of the unknown is no value")
    if mine.value is not answer or theirs.value is not reference:
        judged = compare_entries(mine, theirs, compare)
        if judged or not (isinstance(answer, Rel) and isinstance(reference, Rel)):
            return judged
        return compare_relations(answer, reference, compare.settings)
    judged_single = first_judgement(SINGLES, answer, reference, compare)
    if judged_single is not None:
        return judged_single
    if "Dots" in marks(answer) or "Dots" in marks(reference):
        return no("an expression with dots is compared as written")
    if _is_structured(answer) != _is_structured(reference):
        return no("different kinds of answer")
    return compare_scalars(answer, reference, compare.settings)


def _is_structured(expr: Expr) -> bool:
    return isinstance(expr, Cases | Group | Interval) or (isinstance(expr, Matrix) and expr.kind == "matrix")


def _compare_equations(mine: Labelled, theirs: Labelled, compare: Compare) -> Equivalence:
    if isinstance(mine.value, Rel) and isinstance(theirs.value, Rel):
        return compare_relations(mine.value, theirs.value, compare.settings)
    is_asked = theirs.label is None and not free_symbols(theirs.value) and compare.settings.uses(NAMED_NUMBERS)
    if is_asked and isinstance(mine.value, Rel) and states_number(mine.value):
        return compare(mine.value.sides[1], theirs.value)  # m + n = 5 for 5
    first, second = (side.value if isinstance(side.value, Rel) else side.restored for side in (mine, theirs))
    if not (isinstance(first, Rel) and isinstance(second, Rel)):
        return no("an equation and a value")
    return compare_relations(first, second, compare.settings)


def _compare_other_labels(
    answer: Expr, reference: Expr, mine: Labelled, theirs: Labelled, compare: Compare
) -> Equivalence:
    """y = 5 for x = 5 is another unknown; 2 = y for y = 2 and x = 3 + 0y are settled as equations."""
    if isinstance(answer, Rel) and isinstance(reference, Rel) and "approx" not in answer.ops + reference.ops:
        if isinstance(mine.label, Sym) and " " in mine.label.name and isinstance(theirs.label, Sym):
            return compare_entries(mine, theirs, compare)  # "the answer = 5"
        if len(answer.sides) == 2 == len(reference.sides):
            return compare_relations(answer, reference, compare.settings)
    return no("a value for another name")


DATES = "dates and times"  # compared as text, before anything is parsed
NAMED_NUMBERS, RENAMED_FUNCTIONS, UNSOLVED = "named numbers", "renamed functions", "unsolved equations"
LAST = Rule("equations that end in a value", always, compare_last)
GENERAL = Rule("arbitrary constants", always, lambda a, b, compare: compare_general(a, b, compare.settings))
KINDS = (
    Rule("points on lines", both(Family), lambda a, b, _: compare_lines(a, b)),
    Rule("periodic sets", always, lambda a, b, _: compare_progressions(a, b)),
    Rule("periodic intervals", always, lambda a, b, _: compare_periodic(a, b)),
    Rule("sets of integers", always, lambda a, b, _: compare_integers(a, b)),
    Rule("families", either(Family), compare_families),
    Rule("words", either(Text), compare_words),
    Rule("sets of reals", lambda a, b: is_setlike(a) or is_setlike(b), _compare_as_sets),
    Rule("linear systems", always, lambda a, b, _: compare_systems(a, b) or None),
    Rule("lines", both(Family, Group, Matrix, Rel), lambda a, b, _: compare_lines(a, b)),
    Rule("several values", always, _compare_as_several),
)
SINGLES = (
    Rule("matrices", lambda a, b: all(isinstance(x, Matrix) and x.kind == "matrix" for x in (a, b)), compare_matrices),
    Rule("unit vectors", lambda a, b: isinstance(a, Matrix) != isinstance(b, Matrix), compare_unit_vectors),
    Rule("piecewise values", either(Cases), lambda a, b, _: compare_piecewise(a, b)),
)


def rule_names() -> tuple[str, ...]:
    """The names of all rules that can be switched off, in the order in which they are tried."""
    tables = [rule.name for rule in (*KINDS, *SINGLES, LAST, GENERAL, *READINGS)]
    return (DATES, *tables, NAMED_NUMBERS, RENAMED_FUNCTIONS, UNSOLVED)
