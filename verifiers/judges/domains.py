"""Where the unknowns of an equation may lie: the integers of a Diophantine one, the positive numbers of a length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from verifiers.algebra.exact import InexactError, exact
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
    r"""The value of a rational number, also of an integer written with a root (\sqrt 4); None for another number."""
    try:
        return exact(value)
    except InexactError:
        real = _real(value)
    if real is None:
        return None
    nearest = Fraction(int(real + (0.5 if real > 0 else -0.5)))
    return nearest if agree(value, Num(nearest)) else None


def _is_integer(value: Expr) -> bool:
    rational = _rational(value)
    return rational is not None and rational.denominator == 1


def _real(value: Expr) -> Any:
    """The value to many digits; None when it is not real."""
    found = numeric(value)
    return found.real if abs(found.imag) == 0 else None


def _sign(value: Expr) -> int:
    """-1, 0 or 1; -1 for a number that is not real."""
    found = _rational(value)
    found = _real(value) if found is None else found
    return -1 if found is None else (found > 0) - (found < 0)
