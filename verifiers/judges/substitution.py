"""Does the answer satisfy the equation? The reference is the equation or system itself, not its solution.

The values are put in and each equation must hold exactly (rationals), in a finite field (parameters) or to 60 digits
(radicals and transcendental values).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.identity import agree, has_long_decimals
from verifiers.algebra.polynomials import NotPolynomial, equation_polynomial, num_real_roots, sign_branches
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.equivalence.values.relations import HOLDS
from verifiers.judges.domains import outside, read_domains
from verifiers.judges.frame import ExpressionVerifier
from verifiers.parse import Expr, ParseError, free_symbols, parse
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Cases, Group, Interval, Rel, Sym
from verifiers.types import Reason

MAX_SOLUTIONS = 64
Solution = dict[str, Expr]


class NotSolutionsError(ValueError):
    """The answer does not say which values the unknowns take."""


@dataclass(frozen=True)
class System:
    """Relations that must hold together, and the unknowns in the order of a tuple answer."""

    relations: tuple[Rel, ...]
    unknowns: tuple[str, ...]


def read_system(text: str, unknowns: Sequence[str] | None) -> System:
    """The system that a reference states: relations separated by commas, semicolons or line breaks, or cases.

    Raises:
        ValueError: it states none, or its unknowns must be named.
    """
    try:
        expr = parse(";".join(line for line in text.splitlines() if line.strip()))
    except ParseError as error:
        raise ValueError(f"the reference {text!r:.200} is no equation: {error}") from error
    relations = tuple(_relations(expr))
    if not relations:
        raise ValueError(f"the reference {text!r:.200} is no equation or system of equations")
    symbols = sorted(frozenset().union(*map(free_symbols, relations)))
    named = tuple(symbols if unknowns is None else unknowns)
    if unknowns is None and len(symbols) > len(relations):
        raise ValueError(f"{len(relations)} relations in {', '.join(symbols)}: say which are the unknowns")
    if missing := set(named) - set(symbols):
        raise ValueError(f"the unknowns {sorted(missing)} do not occur in the reference {text!r:.200}")
    return System(relations, named)


def _relations(expr: Expr) -> Iterator[Rel]:
    match expr:
        case Rel():
            yield expr
        case Group("list" | "and", items):
            for item in items:
                yield from _relations(item)
        case Cases(branches):
            for value, _ in branches:
                yield from _relations(value)


def read_solutions(expr: Expr, unknowns: Sequence[str]) -> list[Solution]:
    r"""The solutions that an answer gives, each with a value for every unknown.

    Read are `x = 2`, `2`, `x = 2 or x = 3`, `x = 2, 3`, `{2, 3}`, `x = \pm 2`; for several unknowns `x = 1, y = 2`,
    `(1, 2)`, `(x, y) = (1, 2)`, and lists of those joined by `or` or commas.

    Raises:
        NotSolutionsError: something else, or an unknown is without value or has two.
    """
    solutions = [solution for branch in sign_branches(expr) for solution in _read(branch, tuple(unknowns))]
    if not 0 < len(solutions) <= MAX_SOLUTIONS:
        raise NotSolutionsError(f"expected between 1 and {MAX_SOLUTIONS} solutions, found {len(solutions)}")
    for solution in solutions:
        if missing := set(unknowns) - set(solution):
            raise NotSolutionsError(f"no value for {', '.join(sorted(missing))}")
        for value in solution.values():
            if isinstance(value, Rel | Group | Interval | Cases):
                raise NotSolutionsError("a value is no single expression")
            if circular := free_symbols(value) & set(unknowns):
                raise NotSolutionsError(f"the value is in terms of the unknown {', '.join(sorted(circular))}")
    return solutions


def _read(expr: Expr, unknowns: tuple[str, ...]) -> list[Solution]:
    match expr:
        case Rel(("=",), (Sym(name), value)) | Rel(("=",), (value, Sym(name))) if name in unknowns:
            return [{name: value}]
        case Rel(("in",), (Sym(name), Group("set", items))) if unknowns == (name,):
            return [{name: item} for item in items]
        case Rel(("=",), (Group("tuple", names), Group("tuple", values))) if len(names) == len(values):
            if all(isinstance(name, Sym) and name.name in unknowns for name in names):
                return [{name.name: value for name, value in zip(names, values, strict=True)}]  # type: ignore[attr-defined]
        case Group("or" | "set", items):
            return _alternatives(items, unknowns)
        case Group("tuple", items) if len(items) == len(unknowns) > 1:
            return [dict(zip(unknowns, items, strict=True))]
        case Interval(low, high, False, False) if len(unknowns) == 2:
            return [{unknowns[0]: low, unknowns[1]: high}]
        case Group("list" | "and", items):
            if len(unknowns) > 1 and not all(isinstance(item, Group | Interval) for item in items):
                return [_together(items, unknowns)]
            return _alternatives(items, unknowns)
    if len(unknowns) == 1 and not isinstance(expr, Rel | Group | Interval | Cases):
        return [{unknowns[0]: expr}]
    raise NotSolutionsError(f"expected values for {', '.join(unknowns)}")


def _alternatives(items: tuple[Expr, ...], unknowns: tuple[str, ...]) -> list[Solution]:
    return [solution for item in items for solution in _read(item, unknowns)]


def _together(items: tuple[Expr, ...], unknowns: tuple[str, ...]) -> Solution:
    """`x = 1, y = 2`: one solution, given piece by piece."""
    merged: Solution = {}
    for item in items:
        pieces = _read(item, unknowns)
        if len(pieces) != 1 or set(pieces[0]) & set(merged):
            raise NotSolutionsError("an unknown is given two values in one solution")
        merged |= pieces[0]
    return merged


def satisfies(relation: Rel, solution: Solution) -> bool:
    """True when every link of the relation holds with the unknowns replaced.

    Raises:
        UndefinedError, InexactError, OverBudgetError: a side cannot be worked out.
    """
    sides = [substitute(side, solution) for side in relation.sides]
    return all(_holds(op, left, right) for op, (left, right) in zip(relation.ops, pairwise(sides)))


def _holds(op: str, left: Expr, right: Expr) -> bool:
    if op not in HOLDS:
        raise InexactError(f"the relation {op}")
    try:
        return HOLDS[op](exact(left), exact(right))
    except InexactError:
        is_equal = agree(left, right).equal
    if is_equal or op in ("=", "!="):
        return is_equal == (op in ("=", "<=", ">="))
    first, second = numeric(left), numeric(right)
    if abs(first.imag) + abs(second.imag) > 0:
        raise UndefinedError("complex numbers have no order")
    return HOLDS[op](first.real, second.real)


@dataclass(kw_only=True, eq=False)
class SubstitutionVerifier(ExpressionVerifier):
    """CORRECT when every solution given satisfies the reference, an equation or system.

    Attributes:
        unknowns: the unknowns, in the order of a tuple answer; every symbol of the reference when left out.
        complete: all real solutions must be given. Only for one polynomial equation in one unknown, whose real roots
            are counted exactly.
        num_solutions: so many different solutions must be given.
        domains: where the unknowns must lie: one domain for all of them, or unknown -> domain; one of
            `verifiers.judges.domains.DOMAINS`, such as "integer" or "positive". None: anywhere.
        mode, places, strict: as in AnswerVerifier.
    """

    unknowns: Sequence[str] | None = None
    complete: bool = False
    num_solutions: int | None = None
    domains: str | Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.domain_of = read_domains(self.domains)
        if self.complete and self.domain_of:
            raise ValueError("complete counts all real solutions, also those outside the domains: use num_solutions")

    def read_reference(self, answer: str) -> tuple[System, int | None]:
        """The system that the reference states."""
        system = read_system(answer, self.unknowns)
        if strange := set(self.domain_of) - {"", *system.unknowns}:
            raise ValueError(f"domains names {sorted(strange)}, and the unknowns are {', '.join(system.unknowns)}")
        return system, self._num_required(system, answer)

    def _num_required(self, system: System, text: str) -> int | None:
        if not self.complete:
            return self.num_solutions
        try:
            (relation,), (unknown,) = system.relations, system.unknowns
            return num_real_roots(equation_polynomial(relation, unknown))
        except (NotPolynomial, ValueError, IndexError) as error:
            raise ValueError(
                f"complete=True needs one polynomial equation in one unknown as reference, got {text!r:.200}"
            ) from error

    def judge(self, expr: Expr, reference: tuple[System, int | None]) -> Equivalence:
        """Whether the values satisfy every relation of the system."""
        system, num_required = reference
        if has_long_decimals(expr):
            return no("a decimal this long is no exact value", Reason.FORMAT)
        try:
            solutions = read_solutions(expr, system.unknowns)
        except NotSolutionsError as error:
            return no(str(error), Reason.FORMAT)
        for solution in solutions:
            if fault := _fault(system, solution):
                return no(fault)
            try:
                fault = outside(solution, self.domain_of)
            except (UndefinedError, InexactError) as error:  # such a value lies in none
                fault = f"whether a value lies in its domain cannot be worked out: {error}"
            if fault:
                return no(fault)
        found = _num_different(solutions)
        if num_required is not None and found != num_required:
            return no(f"{found} of {num_required} solutions are given")
        return yes(f"{found} solution{'s' * (found > 1)} checked by substitution", "exact")


def _fault(system: System, solution: Solution) -> str:
    """Which relation fails for a solution; empty when none does."""
    for index, relation in enumerate(system.relations, start=1):
        try:
            if not satisfies(relation, solution):
                return f"relation {index} of {len(system.relations)} does not hold"
        except UndefinedError as error:
            return f"relation {index} has no value there: {error}"
    return ""


def _num_different(solutions: Sequence[Solution]) -> int:
    """Solutions up to equal values."""
    kept: list[Solution] = []
    for solution in solutions:
        if not any(all(agree(solution[name], other[name]) for name in solution) for other in kept):
            kept.append(solution)
    return len(kept)
