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

from verifiers.algebra.agreement import Agreement, Sampling, agree_in_field, close_with_more_digits
from verifiers.algebra.breakpoints import (
    STEPS,
    around,
    breaks,
    critical_parts,
    is_tractable,
    is_zero_of,
    line_through,
    may_break,
    on_line,
)
from verifiers.algebra.cases import agree_in_cases, has_choices, same_up_to_sign, with_branches_named, with_parts_named
from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import sized
from verifiers.algebra.radicals import agree_with_roots
from verifiers.algebra.sampling import Point, close, integer_points, is_real, more_points, real_points, seeded
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Expr, Num, Sym, free_symbols, marks, walk

MAX_DECIMALS = 30  # a longer decimal could pass for an irrational at this tolerance
USUAL = Sampling()
_MAX_PLACES = 90  # points around breakpoints of one line
_LINES = 3
_ALL = 1000  # more points than are ever tried
_LARGEST_INTEGER = 10**40
_LOOK = 2  # points that are looked at before a proof is tried
_WHOLE = 8  # agreeing integers that count where nothing else is defined


def has_long_decimals(expr: Expr) -> bool:
    """True when a number is written with so many decimals that it could pass for an irrational."""
    return any(isinstance(node, Num) and (node.places or 0) > MAX_DECIMALS for node in walk(expr))


def agree(left: Expr, right: Expr, sampling: Sampling = USUAL) -> Agreement:
    """Whether left = right wherever both are real.

    Raises:
        UndefinedError: no common point was found, or one of them, without symbols, has no value.
        InexactError: a part has no value that can be worked out.
        OverBudgetError: a number beyond the limits.
    """
    names = sorted(free_symbols(left) | free_symbols(right))
    if not names:
        return agree_as_constants(left, right, sampling)
    rng = seeded(left, right)
    as_rational = agree_in_field(left, right, names, rng, sampling)
    if as_rational is None and _agree_in_parts(left, right, sampling):
        return SAME_PARTS
    return as_rational or _Pair(left, right, names, rng, sampling).agreement()


def agree_as_constants(left: Expr, right: Expr, sampling: Sampling = USUAL) -> Agreement:
    """Whether two numbers are equal; errors as in `agree`."""
    try:
        same = exact(left) == exact(right)
        return Agreement(same, "equal rational numbers" if same else "different rational numbers", "exact")
    except InexactError:
        pass
    if _agree_in_parts(left, right, sampling):
        return SAME_PARTS
    digits = sampling.digits
    (mine, lost), (theirs, lost_too) = (sized(side, None, digits) for side in (left, right))
    if not close(mine, theirs, digits):
        return Agreement(False, "different numbers", "numeric")
    if close_with_more_digits(left, right, None, max(lost, lost_too), digits, hidden=True):
        return Agreement(True, f"equal to at least {digits * 3 - 10} digits", "numeric")
    return Agreement(False, f"different beyond {digits} digits", "numeric")


SAME_PARTS = Agreement(True, "the same rational function of its roots, powers and other parts", "modular")


def _agree_in_parts(left: Expr, right: Expr, sampling: Sampling) -> bool:
    """Whether both are one rational function of parts that stand in both, and so equal whatever these are."""
    named = with_parts_named(left, right)
    if named is None:
        return False
    names = sorted(free_symbols(named[0]) | free_symbols(named[1]))
    try:
        return bool(agree_in_field(*named, names, seeded(*named), sampling))
    except UndefinedError:
        return False


class _Pair:
    """Two expressions that are no rational functions, compared over the reals, else over the complex numbers."""

    def __init__(self, left: Expr, right: Expr, names: Sequence[str], rng: random.Random, sampling: Sampling) -> None:
        self.left, self.right, self.names = left, right, names
        self.rng, self.sampling = rng, sampling
        self.is_rational = True  # until exact arithmetic meets an irrational part
        self.anchor: tuple[Point, int] | None = None  # a point at which both agreed, and the digits of their parts

    def agreement(self) -> Agreement:
        """The verdict, by the arguments named in the module's text."""
        is_complex = any("Const:i" in marks(side) for side in (self.left, self.right))
        self.has_branches = may_break(self.left) or may_break(self.right)
        if self.has_branches and not is_complex:
            if self._agree_at(islice(real_points(self.names, self._other_rng()), _LOOK)) is None:
                return Agreement(False, "different values at a random real point", "numeric")
            if (proved := self._proved()) is not None:
                return proved
        agreed = 0 if is_complex else self._real_points()
        if agreed is None:
            return Agreement(False, "different values at a random real point", "numeric")
        if agreed < self.sampling.points:
            return self._off_the_reals()
        if self.anchor is not None and not self.is_rational:
            point, part = self.anchor
            digits = self.sampling.digits
            if not close_with_more_digits(self.left, self.right, point, part, digits, hidden=True):
                return Agreement(False, "different values in distant digits", "numeric")
        return self._over_branches(agreed) if self.has_branches else self._evidence(agreed)

    def _evidence(self, agreed: int) -> Agreement:
        digits = self.sampling.digits - 10
        detail = f"equal at {agreed} random points of every orthant to {digits} digits"
        return Agreement(True, detail, "numeric")

    def _real_points(self) -> int | None:
        """At how many real points both are defined and equal; None: they differ at one."""
        # without branches both are analytic, and what few points say holds everywhere
        enough = _ALL if self.has_branches else self.sampling.points
        agreed = self._agree_at(real_points(self.names, self.rng), enough=enough)
        if agreed is not None and agreed < self.sampling.points:
            further = self._agree_at(more_points(self.names, self.rng, 24), enough=2 * self.sampling.points)
            agreed = None if further is None else agreed + further
        if agreed is None or (agreed >= self.sampling.points and not _has_steps(self.left, self.right)):
            return agreed
        largest = _LARGEST_INTEGER if _has_steps(self.left, self.right) else 1000
        whole = self._agree_at(integer_points(self.names, self.rng, largest=largest))
        if whole is None:
            return None
        return agreed + whole if agreed or whole >= _WHOLE else 0

    def _agree_at(self, points: Iterable[Point], *, enough: int = _ALL, is_real_only: bool = True) -> int | None:
        agreed = 0
        for point in points:
            same = self._same_at(point, is_real_only)
            if same is False:
                return None
            agreed += same is True
            if agreed >= enough:
                break
        return agreed

    def _same_at(self, point: Point, is_real_only: bool) -> bool | None:
        """Whether both have the same value at a point; None where one of them has none, or only one is real."""
        digits = self.sampling.digits
        try:
            if self.is_rational:
                try:
                    return exact(self.left, point) == exact(self.right, point)
                except InexactError:
                    self.is_rational = False
            (left, part), (right, other) = (
                sized(side, point, digits, real=is_real_only) for side in (self.left, self.right)
            )
            if is_real(left) != is_real(right):
                return None
            part = max(part, other)
            if close(left, right, digits):
                if is_real(left) and self.anchor is None:
                    self.anchor = (point, part)
                return True
            if abs(left - right) * 10 ** (digits - 5) > 10**part:  # more than rounding of the largest part can do
                return False
            return close_with_more_digits(self.left, self.right, point, part, digits, hidden=False)
        except (UndefinedError, OverBudgetError):
            return None

    def _off_the_reals(self) -> Agreement:
        """The verdict on a pair with too few real values: complex values at real points."""
        points = [*real_points(self.names, self.rng), *more_points(self.names, self.rng, 12)]
        agreed = self._agree_at(points, is_real_only=False, enough=2 * self.sampling.points + 4)
        if agreed is None:
            return Agreement(False, "different values at a random complex point", "numeric")
        if agreed < self.sampling.points:
            raise UndefinedError("not defined together at enough points")
        if may_break(self.left) and not may_break(self.right):
            return Agreement(False, "undecided: only the answer has branches", "numeric")
        return Agreement(True, f"equal at {agreed} random points", "numeric")

    def _other_rng(self) -> random.Random:
        """Randomness beside that of the points, so that a proof that is tried moves none of them."""
        return random.Random(f"proof {self.rng.getstate()[1][0]}")

    def _proved(self) -> Agreement | None:
        """Equality by an argument that needs no points; None where none applies."""
        if agree_with_roots(self.left, self.right, self._other_rng()):
            return Agreement(True, "equal whichever sign their square roots have", "modular")
        named = with_branches_named(self.left, self.right, self._agrees)
        if named is not None and self._agrees(*named):
            return Agreement(True, "equal whatever their roots and branches are", "cases")
        return None

    def _over_branches(self, agreed: int) -> Agreement:
        # only behind points of every scale: which signs go together is told from moderate points
        if has_choices(self.left, self.right) and agree_in_cases(self.left, self.right, self._agrees):
            return Agreement(True, "equal in every combination of signs", "cases")
        mine, theirs = critical_parts(self.left), critical_parts(self.right)
        if not is_tractable([*mine, *theirs]):
            return Agreement(False, "undecided: too many branches", "numeric")
        seen = self._around_breaks([*mine, *theirs])
        if seen is None:
            return Agreement(False, "different values beside a breakpoint", "numeric")
        if self._is_decided(mine, theirs):
            return self._evidence(agreed + seen)
        return Agreement(
            False, "undecided: equal where it was looked at, but the answer has branches of its own", "numeric"
        )

    def _agrees(self, left: Expr, right: Expr) -> bool:
        try:
            return agree(left, right, self.sampling).equal
        except (UndefinedError, InexactError, OverBudgetError):
            return False

    def _around_breaks(self, parts: list[Expr]) -> int | None:
        moving = sorted(frozenset().union(*map(free_symbols, parts)))
        self.is_one_line = len(moving) <= 1  # however many symbols there are, only one of them changes a branch
        if self.is_one_line:
            name = moving[0] if moving else self.names[0]
            found = breaks(parts, name)
            self.is_complete = found.complete
            places = list(islice(around(found, self.rng), _MAX_PLACES))
            if _has_steps(self.left, self.right):
                places += [Fraction(round(place) + step) for place in found.places for step in (-1, 0, 1, 2)]
            return self._agree_at(self._with_others(name, place) for place in places)
        total = 0
        for start in islice(more_points(self.names, self.rng, _LINES), _LINES):
            agreed = self._agree_at(islice(self._along_line(parts, start), _MAX_PLACES // 2))
            if agreed is None:
                return None
            total += agreed
        return total

    def _with_others(self, name: str, place: Fraction) -> Point:
        others = next(more_points(self.names, self.rng, 1))
        return {**others, name: place}

    def _along_line(self, parts: list[Expr], start: Point) -> Iterator[Point]:
        line = line_through(start, self.rng, "#t")
        found = breaks(on_line(parts, line), "#t")
        for place in around(found, self.rng):
            yield {name: exact(value, {"#t": place}) for name, value in line.items()}

    def _is_decided(self, mine: list[Expr], theirs: list[Expr]) -> bool:
        """Whether every piece was visited, as far as branches that only the answer has go."""
        if _has_steps(self.left) and not _has_steps(self.right):
            return False
        if self.is_one_line:
            return self.is_complete or bool(theirs)
        lines = [line_through(point, self.rng, "#t") for point in more_points(self.names, self.rng, _LINES)]
        return all(
            isinstance(part, Sym)
            or any(same_up_to_sign(part, other) for other in theirs)
            or all(is_zero_of(part, [*theirs, *map(Sym, self.names)], line) for line in lines)
            for part in mine
        )


def _has_steps(*sides: Expr) -> bool:
    return any(not STEPS.isdisjoint(marks(side)) for side in sides)
