"""Vectors and matrices: written as tuples, rows, columns or in unit vectors, and the arithmetic between them.

`worked` carries out sums, products, integer powers and inverses, so that P D P^{-1} and c (1, 2, 2) are compared entry
by entry. Sizes are bounded; what is larger stays as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from verifiers.algebra.exact import exact_or_none
from verifiers.equivalence.several.collections import Collection, collection
from verifiers.equivalence.several.systems import echelon
from verifiers.equivalence.types import Compare, Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.equivalence.words.labels import labelled
from verifiers.parse import Expr, free_symbols, marks
from verifiers.parse.rewrite import substitute, transform
from verifiers.parse.tree import Const, Family, Group, Interval, Matrix, Num, Op, Rel, Sym, is_group, num

_ARRAYS = ("Matrix", "Group", "Interval")
_MAX_SIDE, _MAX_SYMBOLIC_SIDE = 8, 4  # rows or columns of a matrix that is multiplied, of numbers and of symbols
_MAX_POWER, _MAX_SYMBOLIC_POWER = 64, 4
_UNIT_VECTORS = ("i", "j", "k")


def worked(expr: Expr) -> Expr:
    """`expr` with its matrix and vector arithmetic carried out as far as it goes."""
    if marks(expr).isdisjoint(_ARRAYS):
        return expr
    match expr:
        case Rel(ops, sides):
            return Rel(ops, tuple(map(worked, sides)))
        case Family(body):
            return replace(expr, body=worked(body))
        case Op(op, args):
            found = _worked_operator(op, [worked(arg) for arg in args])
            return expr if found is None else found
    return expr


def _worked_operator(op: str, args: Sequence[Expr]) -> Expr | None:
    """The array that an operator gives; None where it gives none, or one that is too large."""
    if op == "add":
        return _sum(args)
    if op == "mul":
        return _product(args)
    if op == "div":
        return _scaled(args[0], lambda entry: entry / args[1])
    if op == "neg":
        return _scaled(args[0], lambda entry: -entry)
    return _power(args[0], args[1]) if op == "pow" and isinstance(args[0], Matrix) else None


def _entries(expr: Expr) -> tuple[Expr, ...] | None:
    """The entries of a matrix or tuple, row by row; None for anything else."""
    is_array = is_group(expr, "tuple", "square") or (isinstance(expr, Matrix) and expr.kind == "matrix")
    return expr.children if is_array else None


def _rebuilt(like: Expr, entries: Sequence[Expr]) -> Expr:
    if isinstance(like, Matrix):
        width = len(like.rows[0])
        return Matrix(tuple(tuple(entries[at : at + width]) for at in range(0, len(entries), width)))
    assert isinstance(like, Group)
    return Group(like.kind, tuple(entries))


def _scaled(expr: Expr, change: Callable[[Expr], Expr]) -> Expr | None:
    entries = _entries(expr)
    return None if entries is None else _rebuilt(expr, [change(entry) for entry in entries])


def _shape(expr: Expr) -> tuple[int, int]:
    return (len(expr.rows), len(expr.rows[0])) if isinstance(expr, Matrix) else (len(expr.children), 1)


def _sum(args: Sequence[Expr]) -> Expr | None:
    every = [entries for arg in args if (entries := _entries(arg)) is not None]
    if len(every) < len(args) or len(set(map(_shape, args))) != 1:
        return None
    return _rebuilt(args[0], [_folded(Op("add", terms)) for terms in zip(*every)])


def _product(args: Sequence[Expr]) -> Expr | None:
    """Scalars times one array, or scalars times a product of matrices."""
    arrays = [arg for arg in args if _entries(arg) is not None]
    scalars = [arg for arg in args if _entries(arg) is None]
    if not arrays or not all(marks(scalar).isdisjoint(_ARRAYS) for scalar in scalars):
        return None
    matrices = [array for array in arrays if isinstance(array, Matrix)]
    result = arrays[0] if len(arrays) == 1 else _multiplied(matrices) if len(matrices) == len(arrays) else None
    if result is None or not scalars:
        return result
    return _scaled(result, lambda entry: _folded(Op("mul", (*scalars, entry))))


def _multiplied(matrices: Sequence[Matrix]) -> Matrix | None:
    """The product of matrices; None beyond the limits: unfolded, the next product would grow without bound."""
    is_exact = all(map(_is_exact, matrices))
    if len(matrices) > (_MAX_POWER if is_exact else _MAX_SYMBOLIC_POWER):
        return None
    product, *others = matrices
    for matrix in others:
        found = _times(product, matrix)
        if found is None or (is_exact and not _is_exact(found)):
            return None
        product = found
    return product


def _times(first: Matrix, second: Matrix) -> Matrix | None:
    (height, inner), (rows, width) = _shape(first), _shape(second)
    limit = _MAX_SIDE if _is_exact(first) and _is_exact(second) else _MAX_SYMBOLIC_SIDE
    if inner != rows or max(height, inner, width) > limit:
        return None
    columns = [*zip(*second.rows)]
    return Matrix(tuple(tuple(_dot(row, column) for column in columns) for row in first.rows))


def _dot(row: Sequence[Expr], column: Sequence[Expr]) -> Expr:
    terms = tuple(entry * factor for entry, factor in zip(row, column))
    return _folded(Op("add", terms) if len(terms) > 1 else terms[0])


def _power(matrix: Matrix, exponent: Expr) -> Matrix | None:
    side, width = _shape(matrix)
    if side != width or matrix.kind != "matrix" or side > _MAX_SIDE:
        return None
    if all(entry == num(0) for row in range(side) for at, entry in enumerate(matrix.rows[row]) if at != row):
        return _diagonal([Op("pow", (matrix.rows[at][at], exponent)) for at in range(side)])
    if not isinstance(exponent, Num) or exponent.value.denominator != 1:
        return None
    power = int(exponent.value)
    if power < 0:
        inverse = _inverse(matrix)
        return _power(inverse, num(-power)) if inverse is not None else None
    is_small = 0 < power <= (_MAX_POWER if _is_exact(matrix) else _MAX_SYMBOLIC_POWER)
    return _multiplied([matrix] * power) if is_small else None


def _diagonal(entries: Sequence[Expr]) -> Matrix:
    places = range(len(entries))
    return Matrix(tuple(tuple(entries[row] if row == column else num(0) for column in places) for row in places))


def _is_exact(matrix: Matrix) -> bool:
    return all(isinstance(entry, Num) for entry in matrix.children)


def _inverse(matrix: Matrix) -> Matrix | None:
    """The inverse, of more than two rows only where all entries are numbers; None of a singular matrix."""
    side = len(matrix.rows)
    if side == 2:
        (a, b), (c, d) = matrix.rows
        determinant = _folded(a * d - b * c)
        if determinant == num(0):
            return None
        return Matrix(tuple(tuple(_folded(entry / determinant) for entry in row) for row in ((d, -b), (-c, a))))
    rows = [[value for entry in row if (value := exact_or_none(entry)) is not None] for row in matrix.rows]
    if any(len(row) < side for row in rows):
        return None
    identity = [[Fraction(at == index) for at in range(side)] for index in range(side)]
    reduced = echelon([[*row, *unit] for row, unit in zip(rows, identity)])
    if [list(row[:side]) for row in reduced] != identity:
        return None
    return Matrix(tuple(tuple(map(Num, row[side:])) for row in reduced))


def _folded(expr: Op) -> Expr:
    """A number where the expression is one."""
    value = exact_or_none(expr)
    return expr if value is None else Num(value)


def compare_vector(
    answer: Expr, reference: Expr, left: Collection | None, right: Collection | None, compare: Compare
) -> Equivalence | None:
    """A column or row beside a tuple, nested lists beside a matrix, unit vectors beside either; None: none of these."""
    single, items = (labelled(answer).value, right) if left is None else (labelled(reference).value, left)
    if items is None:
        return None
    values = items.values
    if not isinstance(single, Matrix):
        parts = components(single, len(values)) if items.ordered or items.ranked else None
        if parts is None:
            return None
        pair = (Group("tuple", parts), Group("tuple", values))
        return compare(*(pair if left is None else pair[::-1]))
    height, width = _shape(single)
    if len(values) == height and all(isinstance(value, Group | Interval) for value in values):
        other = Matrix(tuple(row.values if (row := collection(value)) else () for value in values))
    elif 1 not in (height, width):
        return None
    elif items.explicit_set or (not items.ordered and not items.ranked and len(values) > 1):
        return no("a list where a vector is expected")
    else:
        other = Matrix((values,) if height == 1 else tuple((value,) for value in values))
    matrices = (single, other) if left is None else (other, single)
    return compare_matrices(*matrices, compare)


def compare_unit_vectors(answer: Expr, reference: Expr, compare: Compare) -> Equivalence | None:
    """A matrix beside multiples of the identity, a row or column beside a sum of unit vectors; None: another pair."""
    matrix, other = (answer, reference) if isinstance(answer, Matrix) else (reference, answer)
    assert isinstance(matrix, Matrix)
    height, width = _shape(matrix)
    names = (f"I_{height}", f"E_{height}")
    if height == width and not free_symbols(other).isdisjoint(names):
        full = worked(substitute(other, dict.fromkeys(names, _diagonal([num(1)] * height))))  # 2 I_2
        pair: tuple[Expr, Expr] | None = (matrix, full) if full != other else None
    else:
        parts = components(other, len(matrix.children)) if 1 in (height, width) else None
        pair = (Group("tuple", matrix.children), Group("tuple", parts)) if parts is not None else None
    return None if pair is None else compare(*(pair if matrix is answer else pair[::-1]))


def compare_matrices(answer: Expr, reference: Expr, compare: Compare) -> Equivalence | None:
    """Whether two matrices have the same shape and entries; None where one is none."""
    if not (isinstance(answer, Matrix) and isinstance(reference, Matrix)):
        return None
    shapes = [_shape(matrix) for matrix in (answer, reference)]
    if shapes[0] != shapes[1] or any(len(row) != shapes[0][1] for row in (*answer.rows, *reference.rows)):
        return no(f"shape {shapes[0]}, expected {shapes[1]}")
    for mine, theirs in zip(answer.children, reference.children):
        judged = compare(mine, theirs)
        if not judged:
            return no(f"an entry differs: {judged.detail}", judged.reason, judged.method)
    return yes("the same entries", "structure")


def components(expr: Expr, count: int) -> tuple[Expr, ...] | None:
    """The components of a sum of unit vectors i, j, k such as 3i - 4j; None for anything else.

    `i` alone is a complex number, so j or k must stand in it.
    """
    if not 2 <= count <= 3 or not free_symbols(expr) & {"j", "k"}:
        return None
    plain = transform(expr, lambda node: Sym("i") if node == Const("i") else None)
    names = _UNIT_VECTORS[:count]
    if not free_symbols(plain) & set(_UNIT_VECTORS) <= set(names):
        return None

    def at(*values: int) -> Expr:
        """The sum with numbers for its unit vectors."""
        return substitute(plain, dict(zip(names, map(num, values))))

    units = [tuple(int(index == place) for index in range(count)) for place in range(count)]
    parts = tuple(at(*unit) for unit in units)
    checks = [(at(*[0] * count), num(0)), (at(*[1] * count), Op("add", parts))]
    checks += [(at(*(2 * value for value in unit)), num(2) * part) for unit, part in zip(units, parts)]
    return parts if all(compare_values(one, other, Settings()) for one, other in checks) else None
