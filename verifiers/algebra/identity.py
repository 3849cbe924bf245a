"""Do two expressions agree everywhere? What is proved, and what is evidence.

Proved: rational numbers (exact arithmetic); rational functions (random points of a field with 2^61 - 1 elements, wrong
once in 10^17), of symbols and of any other parts that stand in both; also with square roots if they agree whichever
sign these have; expressions that agree in every
combination of signs of what stands under |.|, sgn, max and min, or whatever their roots, roundings and arcs are (both
reduced to agreements without branches).

Evidence: agreement to 30 digits at random points of every orthant and at several scales, and, where branches remain,
on both sides of every breakpoint, so in every piece on which both are analytic. In several symbols that is no
evidence for a branch that only the answer has: such a pair is undecided, and undecided is not equal. A mismatch at a
point where both are real is final.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice

from verifiers.algebra.agreement import Agreement, agree_in_field, close_with_more_digits
from verifiers.algebra.breakpoints import STEPS, around, breaks, critical_parts, is_zero_of, line_through, may_break
from verifiers.algebra.cases import agree_in_cases, constant_ratio, has_choices, with_branches_named, with_parts_named
from verifiers.algebra.contexts import DIGITS
from verifiers.algebra.exact import NO_VALUE, InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import sized
from verifiers.algebra.radicals import with_roots
from verifiers.algebra.sampling import (
    POINTS,
    SPARE_DIGITS,
    Point,
    close,
    integer_points,
    is_real,
    more_points,
    real_points,
    seeded,
)
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Expr, Num, Sym, free_symbols, marks, walk

MAX_DECIMALS = 30  # a longer decimal could pass for an irrational at this tolerance
SAME_PARTS = Agreement(True, "the same rational function of its roots, powers and other parts", "modular")
_MAX_CRITICAL = 24  # critical parts of a pair beyond which nothing is decided
_MAX_PLACES = 90  # points around breakpoints of one line
_LINES = 3
_ALL = 1000  # more points than are ever tried
_LARGEST_INTEGER = 10**40
_LOOK = 2  # points that are looked at before a proof is tried
_WHOLE = 8  # agreeing integers that count where nothing else is defined


def has_long_decimals(expr: Expr) -> bool:
    """True when a number is written with so many decimals that it could pass for an irrational."""
    return any(isinstance(node, Num) and (node.places or 0) > MAX_DECIMALS for node in walk(expr))


def agree(left: Expr, right: Expr) -> Agreement:
    """Whether left = right wherever both are real.

    Raises:
        UndefinedError: no common point was found, or one of them, without symbols, has no value.
        InexactError: a part has no value that can be worked out.
        OverBudgetError: a number beyond the limits.
    """
    names = sorted(free_symbols(left) | free_symbols(right))
    if not names:
        return agree_as_constants(left, right)
    rng = seeded(left, right)
    as_rational = agree_in_field(left, right, rng)
    if as_rational is None and _agree_in_parts(left, right):
        return SAME_PARTS
    return as_rational or _Pair(left, right, names, rng).agreement()


def agree_as_constants(left: Expr, right: Expr) -> Agreement:
    """Whether two numbers are equal; errors as in `agree`."""
    try:
        same = exact(left) == exact(right)
        return Agreement(same, "equal rational numbers" if same else "different rational numbers", "exact")
    except InexactError:
        pass
    if _agree_in_parts(left, right):
        return SAME_PARTS
    (mine, lost), (theirs, lost_too) = sized(left), sized(right)
    if not close(mine, theirs):
        return _differ("different numbers")
    if close_with_more_digits(left, right, None, max(lost, lost_too), hidden=True):
        return Agreement(True, f"equal to at least {DIGITS * 3 - SPARE_DIGITS} digits", "numeric")
    return _differ(f"different beyond {DIGITS} digits")


def _agree_in_parts(left: Expr, right: Expr) -> bool:
    """Whether both are one rational function of parts that stand in both, and so equal whatever these are."""
    named = with_parts_named(left, right)
    try:
        return named is not None and bool(agree_in_field(*named, seeded(*named)))
    except UndefinedError:
        return False


def _differ(detail: str) -> Agreement:
    return Agreement(False, detail, "numeric")


class _DifferentError(Exception):
    """The two have different values at a point."""


class _Pair:
    """Two expressions that are no rational functions, compared over the reals, else over the complex numbers."""

    def __init__(self, left: Expr, right: Expr, names: Sequence[str], rng: random.Random) -> None:
        self.left, self.right, self.names, self.rng = left, right, names, rng
        self.has_steps, self.has_branches = _has_steps(left, right), may_break(left) or may_break(right)
        self.is_rational = True  # until exact arithmetic meets an irrational part
        self.anchor: tuple[Point, int] | None = None  # a point at which both agreed, and the digits of their parts

    def agreement(self) -> Agreement:
        """The verdict, by the arguments named in the module's text."""
        is_complex = any("Const:i" in marks(side) for side in (self.left, self.right))
        try:
            if self.has_branches and not is_complex:
                self._agree_at(islice(real_points(self.names, self._other_rng()), _LOOK))
                if (proved := self._proved()) is not None:
                    return proved
            agreed = 0 if is_complex else self._real_points()
            if agreed < POINTS:
                return self._off_the_reals()
            if self.anchor is not None and not self.is_rational:
                point, part = self.anchor
                if not close_with_more_digits(self.left, self.right, point, part, hidden=True):
                    return _differ("different values in distant digits")
            return self._over_branches(agreed) if self.has_branches else self._evidence(agreed)
        except _DifferentError as error:
            return _differ(f"different values {error}")

    def _evidence(self, agreed: int) -> Agreement:
        detail = f"equal at {agreed} random points of every orthant to {DIGITS - SPARE_DIGITS} digits"
        return Agreement(True, detail, "numeric")

    def _real_points(self) -> int:
        """At how many real points both are defined and equal."""
        # without branches both are analytic, and what few points say holds everywhere
        agreed = self._agree_at(real_points(self.names, self.rng), enough=_ALL if self.has_branches else POINTS)
        if agreed < POINTS:
            agreed += self._agree_at(more_points(self.names, self.rng, 24), enough=2 * POINTS)
        if agreed < POINTS or self.has_steps:
            largest = _LARGEST_INTEGER if self.has_steps else 1000
            whole = self._agree_at(integer_points(self.names, self.rng, largest=largest))
            return agreed + whole if agreed or whole >= _WHOLE else 0
        return agreed

    def _agree_at(
        self, points: Iterable[Point], where: str = "at a random real point", *, enough: int = _ALL, real: bool = True
    ) -> int:
        """At how many of the points, up to `enough`, both are defined and equal.

        Raises:
            _DifferentError: they differ at one.
        """
        agreed = 0
        for point in points:
            same = self._same_at(point, real)
            if same is False:
                raise _DifferentError(where)
            agreed += same is True
            if agreed >= enough:
                break
        return agreed

    def _same_at(self, point: Point, real: bool) -> bool | None:
        """Whether both have the same value at a point; None where one of them has none, or only one is real."""
        try:
            if self.is_rational:
                try:
                    return exact(self.left, point) == exact(self.right, point)
                except InexactError:
                    self.is_rational = False
            (left, part), (right, other) = (sized(side, point, real=real) for side in (self.left, self.right))
            if is_real(left) != is_real(right):
                return None
            part = max(part, other)
            if close(left, right):
                if is_real(left) and self.anchor is None:
                    self.anchor = (point, part)
                return True
            if abs(left - right) * 10 ** (DIGITS - 5) > 10**part:  # more than rounding of the largest part can do
                return False
            return close_with_more_digits(self.left, self.right, point, part, hidden=False)
        except (UndefinedError, OverBudgetError):
            return None

    def _off_the_reals(self) -> Agreement:
        """The verdict on a pair with too few real values: complex values at real points."""
        points = [*real_points(self.names, self.rng), *more_points(self.names, self.rng, 12)]
        agreed = self._agree_at(points, "at a random complex point", real=False, enough=2 * POINTS + 4)
        if agreed < POINTS:
            raise UndefinedError("not defined together at enough points")
        if may_break(self.left) and not may_break(self.right):
            return _differ("undecided: only the answer has branches")
        return Agreement(True, f"equal at {agreed} random points", "numeric")

    def _other_rng(self) -> random.Random:
        """Randomness beside that of the points, so that a proof that is tried moves none of them."""
        return random.Random(f"proof {self.rng.getstate()[1][0]}")

    def _proved(self) -> Agreement | None:
        """Equality by an argument that needs no points; None where none applies."""
        try:
            if agree_in_field(self.left, self.right, self._other_rng(), with_roots):
                return Agreement(True, "equal whichever sign their square roots have", "modular")
        except UndefinedError:
            pass
        named = with_branches_named(self.left, self.right, _agrees)
        if named is not None and _agrees(*named):
            return Agreement(True, "equal whatever their roots and branches are", "cases")
        return None

    def _over_branches(self, agreed: int) -> Agreement:
        # only behind points of every scale: which signs go together is told from moderate points
        if has_choices(self.left, self.right) and agree_in_cases(self.left, self.right, _agrees):
            return Agreement(True, "equal in every combination of signs", "cases")
        mine, theirs = critical_parts(self.left), critical_parts(self.right)
        if len(mine) + len(theirs) > _MAX_CRITICAL:
            return _differ("undecided: too many branches")
        moving = sorted(frozenset().union(*map(free_symbols, (*mine, *theirs))))
        if len(moving) > 1:
            places: Iterable[Point] = self._beside_breaks([*mine, *theirs])
            seen = self._agree_at(places, "beside a breakpoint")
            is_decided = self._shares_breaks(mine, theirs)
        else:  # however many symbols there are, only one of them changes a branch
            name = moving[0] if moving else self.names[0]
            found = breaks([*mine, *theirs], name)
            beside = list(islice(around(found, self.rng), _MAX_PLACES))
            if self.has_steps:
                beside += [Fraction(round(place) + step) for place in found.places for step in (-1, 0, 1, 2)]
            places = ({**next(more_points(self.names, self.rng, 1)), name: place} for place in beside)
            seen = self._agree_at(places, "beside a breakpoint")
            is_decided = found.complete or bool(theirs)
        if is_decided and not (_has_steps(self.left) and not _has_steps(self.right)):
            return self._evidence(agreed + seen)
        return _differ("undecided: equal where it was looked at, but the answer has branches of its own")

    def _beside_breaks(self, parts: list[Expr]) -> Iterator[Point]:
        """Points on both sides of the breakpoints along random lines."""
        for start in islice(more_points(self.names, self.rng, _LINES), _LINES):
            line = line_through(start, self.rng)
            found = breaks([substitute(part, line) for part in parts], "#t")
            for place in islice(around(found, self.rng), _MAX_PLACES // 2):
                yield {name: exact(value, {"#t": place}) for name, value in line.items()}

    def _shares_breaks(self, mine: list[Expr], theirs: list[Expr]) -> bool:
        """Whether each branch of the answer changes only where one of the reference, or a symbol its sign, does."""
        lines = [line_through(point, self.rng) for point in more_points(self.names, self.rng, _LINES)]
        return all(
            isinstance(part, Sym)
            or any(constant_ratio(part, other) for other in theirs)
            or all(is_zero_of(part, [*theirs, *map(Sym, self.names)], line) for line in lines)
            for part in mine
        )


def _agrees(left: Expr, right: Expr) -> bool:
    try:
        return agree(left, right).equal
    except NO_VALUE:
        return False


def _has_steps(*sides: Expr) -> bool:
    return any(not STEPS.isdisjoint(marks(side)) for side in sides)
