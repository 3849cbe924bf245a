"""Where the unknowns of an equation may lie: the integers of a Diophantine one, the positive numbers of a length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from verifiers.algebra.exact import InexactError
from verifiers.algebra.exact import exact as exact_value
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.identity import agree
from verifiers.parse.tree import Expr, Num

DOMAINS: Mapping[str, Callable[[Expr], bool]] = {
    "real": lambda value: _real(value) is not None,
    "positive": lambda value: _sign(value) > 0,
    "nonnegative": lambda value: _sign(value) >= 0,
    "rational": lambda value: _rational(value) is not None,
    "integer": lambda value: _is_integer(value),
    "positive integer": lambda value: _is_integer(value) and _sign(value) > 0,
    "nonnegative integer": lambda value: _is_integer(value) and _sign(value) >= 0,
}


def read_domains(domains: str | Mapping[str, str] | None) -> Mapping[str, str]:
    """Unknown -> name of its domain; under "" that of the unknowns that are not named.

    Raises:
        ValueError: there is no such domain.
    """
    named = {"": domains} if isinstance(domains, str) else dict(domains or {})
    for unknown, domain in named.items():
        if domain not in DOMAINS:
            where = f" of {unknown}" if unknown else ""
            raise ValueError(f"the domain{where} is {domain!r}, expected one of {', '.join(DOMAINS)}")
    return named


def outside(solution: Mapping[str, Expr], domains: Mapping[str, str]) -> str:
    """Which value lies outside its domain, in words; empty when none does, or none is asked for.

    Raises:
        UndefinedError, InexactError, OverBudgetError: a value cannot be worked out, such as one with a parameter.
    """
    for unknown, value in solution.items():
        domain = domains.get(unknown, domains.get(""))
        if domain is not None and not DOMAINS[domain](value):
            noun = domain if domain.endswith("integer") else f"{domain} number"
            return f"{unknown} is not {'an' if noun.startswith('i') else 'a'} {noun}"
    return ""


def _rational(value: Expr) -> Fraction | None:
    r"""The value of a rational number, also of one written with a root (\sqrt 4); None for another number."""
    try:
        return exact_value(value)
    except InexactError:
        integer = _nearest(value)
        return Fraction(integer) if integer is not None else None


def _is_integer(value: Expr) -> bool:
    rational = _rational(value)
    return rational is not None and rational.denominator == 1


def _nearest(value: Expr) -> int | None:
    """The integer that the value equals; None when it equals none."""
    real = _real(value)
    if real is None:
        return None
    integer = int(real + (0.5 if real > 0 else -0.5))
    return integer if agree(value, Num(Fraction(integer))) else None


def _real(value: Expr) -> Any:
    """The value to many digits; None when it is not real."""
    found = numeric(value)
    return found.real if abs(found.imag) == 0 else None


def _sign(value: Expr) -> int:
    """-1, 0 or 1; -1 for a number that is not real."""
    try:
        rational = exact_value(value)
        return (rational > 0) - (rational < 0)
    except InexactError:
        real = _real(value)
    if real is None:
        return -1
    return 0 if agree(value, Num(Fraction(0))) else (1 if real > 0 else -1)
