"""Values with free parameters: "4k + 1, k in Z", "(-32 + 3t, 64 - 5t) for some integer t"."""

from __future__ import annotations

import re
from itertools import permutations

from verifiers.equivalence.conventions import BOUNDED_PARAMETERS
from verifiers.equivalence.several.expanding import expand_signs, has_signs
from verifiers.equivalence.types import Compare, Equivalence, Settings, no, yes
from verifiers.equivalence.words.labels import labelled
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Builder, Const, Dots, Expr, Family, Group, Num, Rel, Sym, free_symbols, num

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
    if isinstance(expr, Builder) and isinstance(expr.head, Group) and isinstance(expr.condition, Rel):
        name, domain = expr.condition.sides[0], expr.condition.sides[-1]
        if expr.condition.ops == ("in",) and isinstance(name, Sym) and isinstance(domain, Const):
            return Family(expr.head, (name.name,), domain.name)
    return expr


def compare_families(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Equivalence:
    """Values with parameters: the parameters' names do not matter, the conditions' words do not either."""
    mine = answer if isinstance(answer, Family) else None
    theirs = reference if isinstance(reference, Family) else None
    left, right = (_body(mine) if mine else answer), (_body(theirs) if theirs else reference)
    judged = compare(left, right, settings)
    if judged:
        if mine and theirs and not _same_conditions(mine, theirs, compare, settings):
            return no("the conditions differ")
        return judged
    names = [name for name in (mine.parameters if mine else ()) if name in free_symbols(left)]
    if mine and theirs and not names and mine.where and theirs.where:
        names = _bounded_names(mine.where, left)
    targets = [name for name in _parameter_names(theirs, right, left) if name in free_symbols(right)]
    if names and len(names) == len(targets) <= 3:
        for chosen in permutations(targets):
            renaming = dict(zip(names, chosen))
            if free_symbols(left) & set(chosen) - set(names):
                continue
            again = compare(_renamed(left, renaming), right, settings)
            if again and mine and theirs and mine.where and theirs.where:
                moved = Family(left, (), mine.condition, _renamed(mine.where, renaming))
                if not _same_conditions(moved, theirs, compare, settings):
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
    if not (isinstance(expr, Group) and expr.kind == "list" and len(expr.items) >= 3):
        return expr
    body, first, *others = expr.items
    if not (isinstance(first, Rel) and first.ops == ("=",) and isinstance(first.sides[0], Sym)):
        return expr
    name, indices = first.sides[0].name, _indices((first.sides[1], *others))
    if name not in BOUNDED_PARAMETERS or not indices or name not in free_symbols(body):
        return expr
    return Group("or", tuple(substitute(body, {name: index}) for index in indices))


def _indices(items: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The whole numbers of a list, dots filled in: 0, 1, ..., 5; none where something else stands in it."""
    numbers = [item.value for item in items if isinstance(item, Num) and item.value.denominator == 1]
    dots = [index for index, item in enumerate(items) if isinstance(item, Dots)]
    if len(numbers) + len(dots) != len(items) or len(numbers) < 2:
        return ()
    if dots:
        low, high = int(numbers[0]), int(numbers[-1])
        if dots != [len(items) - 2] or numbers[:-1] != [low + step for step in range(len(numbers) - 1)]:
            return ()
        if not len(numbers) <= high - low + 1 <= _MAX_LISTED:
            return ()
        return tuple(num(index) for index in range(low, high + 1))
    return tuple(num(number) for number in numbers)


def _renamed(expr: Expr, names: dict[str, str]) -> Expr:
    return substitute(expr, {name: Sym(target) for name, target in names.items()})


def _bounded_names(where: Expr, body: Expr) -> list[str]:
    """The parameters that a condition bounds without declaring them: k in n = 2^k, k >= 1, and in 2^k, k >= 1."""
    label = labelled(body).label
    named = free_symbols(label) if label is not None else frozenset()
    bounded = free_symbols(where) & free_symbols(body) - named
    is_sure = label is not None or len(free_symbols(body)) == 1
    return sorted(bounded) if is_sure and bounded <= BOUNDED_PARAMETERS else []


def _parameter_names(family: Family | None, body: Expr, other: Expr) -> list[str]:
    if family is not None and family.parameters:
        return list(family.parameters)
    label = labelled(body).label
    named = free_symbols(label) if label is not None else frozenset()
    return sorted(free_symbols(body) - free_symbols(other) - named)


def _same_conditions(first: Family, second: Family, compare: Compare, settings: Settings) -> bool:
    domains = _domain_of(first.condition), _domain_of(second.condition)
    if domains[0] and domains[1] and domains[0] != domains[1]:
        return False
    if first.where is not None and second.where is not None:
        return bool(compare(first.where, second.where, settings))
    return _numbers_of(first.condition) == _numbers_of(second.condition)


def _domain_of(condition: str) -> str:
    """The set that a condition names, by letter or in words; "" if it names none."""
    for domain, pattern in _DOMAINS:
        if pattern.search(condition):
            return domain
    return ""


def _numbers_of(condition: str) -> list[str]:
    return re.findall(r"\d+|!=|<=|>=|<|>", condition)
