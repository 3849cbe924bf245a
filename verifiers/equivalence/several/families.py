"""Values with free parameters: "4k + 1, k in Z", "(-32 + 3t, 64 - 5t) for some integer t"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import permutations

from verifiers.equivalence.conventions import BOUNDED_PARAMETERS
from verifiers.equivalence.several.expanding import expand_signs, has_signs
from verifiers.equivalence.types import Compare, Equivalence, no, yes
from verifiers.equivalence.words.labels import labelled
from verifiers.parse import Expr, free_symbols
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Builder, Const, Dots, Family, Group, Num, Rel, Sym, num

_DOMAINS = tuple(
    (domain, re.compile(pattern))
    for domain, pattern in (
        ("N", r"\bN(?:\b|[\^_])|\bZ[\^_][+>]|natural|positive"), ("Z", r"\bZ\b|integer"), ("R", r"\bR\b|real"),
    )
)  # fmt: skip
_MAX_LISTED = 40  # values of a parameter
_FREE_SIGNS = re.compile(
    r"(?i)\b(?:all|any|every|each|both|four|eight|independent(?:ly)?)\b.*\b(?:signs?|sgns?|combinations?)\b|"
                   r"\b(?:signs?|sgns?)\b.*\bindependent")  # fmt: skip


def as_family(expr: Expr) -> Expr:
    """{ (a, 2a) : a in R } as the points with that parameter; anything else as it is."""
    match expr:
        case Builder(Group() as head, Rel(("in",), (Sym(name), Const(domain)))):
            return Family(head, (name,), domain)
    return expr


def compare_families(answer: Expr, reference: Expr, compare: Compare) -> Equivalence:
    """Values with parameters: the parameters' names do not matter, the conditions' words do not either."""
    mine = answer if isinstance(answer, Family) else None
    theirs = reference if isinstance(reference, Family) else None
    left, right = (_body(mine) if mine else answer), (_body(theirs) if theirs else reference)
    judged = compare(left, right)
    if judged:
        are_other = mine and theirs and not _same_conditions(mine, theirs, compare)
        return no("the conditions differ") if are_other else judged
    names = [name for name in (mine.parameters if mine else ()) if name in free_symbols(left)]
    if mine and theirs and not names and mine.where and theirs.where:
        names = _bounded_names(mine.where, left)
    targets = [name for name in _parameter_names(theirs, right, left) if name in free_symbols(right)]
    for chosen in permutations(targets) if names and len(names) == len(targets) <= 3 else ():
        if free_symbols(left) & set(chosen) - set(names):
            continue
        renaming: dict[str, Expr] = {name: Sym(target) for name, target in zip(names, chosen)}
        again = compare(substitute(left, renaming), right)
        if again and mine and theirs and mine.where and theirs.where:
            moved = Family(left, (), mine.condition, substitute(mine.where, renaming))
            if not _same_conditions(moved, theirs, compare):
                continue
        if again:
            return yes("the same family with renamed parameters", again.method)
    return judged


def _body(family: Family) -> Expr:
    """What a family says without its condition; every choice of the signs where the condition leaves them free."""
    if has_signs(family.body) and _FREE_SIGNS.search(family.condition):
        readings = expand_signs(family.body, independent=True)
        return Group("or", readings) if readings else family.body
    return family.body


def with_values(expr: Expr) -> Expr:
    """e^{2 k pi i / 3}, k = 0, 1, 2 as its three values; anything else as it is."""
    match expr:
        case Group("list", (body, Rel(("=",), (Sym(name), first)), *others)) if others and name in BOUNDED_PARAMETERS:
            if name in free_symbols(body) and (indices := _indices((first, *others))):
                return Group("or", tuple(substitute(body, {name: index}) for index in indices))
    return expr


def _indices(items: Sequence[Expr]) -> Sequence[Expr]:
    """The whole numbers of a list, dots filled in: 0, 1, ..., 5; none where something else stands in it."""
    numbers = [int(item.value) for item in items if isinstance(item, Num) and item.value.denominator == 1]
    dots = [index for index, item in enumerate(items) if isinstance(item, Dots)]
    if len(numbers) + len(dots) != len(items) or len(numbers) < 2:
        return ()
    if dots:
        *begin, high = numbers
        whole = range(begin[0], high + 1)
        if dots != [len(items) - 2] or begin != [*whole[: len(begin)]] or not len(numbers) <= len(whole) <= _MAX_LISTED:
            return ()
        numbers = [*whole]
    return [num(number) for number in numbers]


def _names_of_label(body: Expr) -> frozenset[str] | None:
    """The symbols of the label before a value; None where there is none."""
    label = labelled(body).label
    return None if label is None else free_symbols(label)


def _bounded_names(where: Expr, body: Expr) -> list[str]:
    """The parameters that a condition bounds without declaring them: k in n = 2^k, k >= 1, and in 2^k, k >= 1."""
    named = _names_of_label(body)
    bounded = free_symbols(where) & free_symbols(body) - (named or frozenset())
    is_sure = named is not None or len(free_symbols(body)) == 1
    return sorted(bounded) if is_sure and bounded <= BOUNDED_PARAMETERS else []


def _parameter_names(family: Family | None, body: Expr, other: Expr) -> Sequence[str]:
    if family is not None and family.parameters:
        return family.parameters
    return sorted(free_symbols(body) - free_symbols(other) - (_names_of_label(body) or frozenset()))


def _same_conditions(first: Family, second: Family, compare: Compare) -> bool:
    domains = {domain for side in (first, second) if (domain := _domain_of(side.condition))}
    if len(domains) > 1:
        return False
    if first.where is not None and second.where is not None:
        return bool(compare(first.where, second.where))
    return _numbers_of(first.condition) == _numbers_of(second.condition)


def _domain_of(condition: str) -> str:
    """The set that a condition names, by letter or in words; "" if it names none."""
    return next((domain for domain, pattern in _DOMAINS if pattern.search(condition)), "")


def _numbers_of(condition: str) -> list[str]:
    return re.findall(r"\d+|!=|<=|>=|<|>", condition)
