"""Values with free parameters: "4k + 1, k in Z", "(-32 + 3t, 64 - 5t) for some integer t"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
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
    mine, theirs = (side if isinstance(side, Family) else Family(side, ()) for side in (answer, reference))
    left, right = _body(mine), _body(theirs)
    judged = compare(left, right)
    if judged:
        is_given = mine is answer and theirs is reference  # else there is no other condition
        return no("the conditions differ") if is_given and not _same_conditions(mine, theirs, compare) else judged
    names = [name for name in mine.parameters if name in free_symbols(left)]
    if not names and mine.where and theirs.where:
        names = _bounded_names(mine.where, left)
    parameters = theirs.parameters or sorted(_unlabelled_symbols(right) - free_symbols(left))
    targets = [name for name in parameters if name in free_symbols(right)]
    for chosen in permutations(targets) if names and len(names) == len(targets) <= 3 else ():
        if free_symbols(left) & set(chosen) - set(names):
            continue
        renaming: dict[str, Expr] = {name: Sym(target) for name, target in zip(names, chosen)}
        again = compare(substitute(left, renaming), right)
        moved = replace(mine, where=mine.where and substitute(mine.where, renaming))
        has_other = moved.where and theirs.where and not _same_conditions(moved, theirs, compare)
        if again and not has_other:
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


def _unlabelled_symbols(body: Expr) -> frozenset[str]:
    """The symbols of a value besides those of its label."""
    label = labelled(body).label
    return free_symbols(body) - (frozenset() if label is None else free_symbols(label))


def _bounded_names(where: Expr, body: Expr) -> list[str]:
    """The parameters that a condition bounds without declaring them: k in n = 2^k, k >= 1, and in 2^k, k >= 1."""
    bounded = free_symbols(where) & _unlabelled_symbols(body)
    is_sure = labelled(body).label is not None or len(free_symbols(body)) == 1
    return sorted(bounded) if is_sure and bounded <= BOUNDED_PARAMETERS else []


def _same_conditions(first: Family, second: Family, compare: Compare) -> bool:
    domains = [next((name for name, words in _DOMAINS if words.search(side.condition)), "") for side in (first, second)]
    if all(domains) and domains[0] != domains[1]:
        return False
    if first.where is not None and second.where is not None:
        return bool(compare(first.where, second.where))
    numbers = [re.findall(r"\d+|!=|<=|>=|<|>", side.condition) for side in (first, second)]
    return numbers[0] == numbers[1]
