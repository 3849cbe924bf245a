"""Vectors and matrices: written as tuples, rows, columns or in unit vectors, and the arithmetic between them.

`worked` carries out sums, products, integer powers and inverses, so that P D P^{-1} and c (1, 2, 2) are compared entry
by entry. Sizes are bounded; what is larger stays as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from verifiers.algebra.exact import exact_or_none
from verifiers.equivalence.several.collections import Collection, collection
from verifiers.equivalence.several.systems import echelon
from verifiers.equivalence.types import Compare, Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.equivalence.words.labels import labelled
from verifiers.parse.rewrite import substitute, transform
from verifiers.parse.tree import (
    Const,
    Expr,
    Family,
    Group,
    Interval,
    Matrix,
    Num,
    Op,
    Rel,
    Sym,
    free_symbols,
    marks,
    num,
)

_MAX_SIDE = 8  # rows or columns of a matrix that is multiplied
_MAX_SYMBOLIC_SIDE = 4
_MAX_POWER = 64
_MAX_SYMBOLIC_POWER = 4
_UNIT_VECTORS = ("i", "j", "k")
Rows = tuple[tuple[Expr, ...], ...]


def worked(expr: Expr) -> Expr:
    """`expr` with its matrix and vector arithmetic carried out as far as it goes."""
    if marks(expr).isdisjoint(("Matrix", "Group", "Interval")):
        return expr
    if isinstance(expr, Rel):
        return Rel(expr.ops, tuple(worked(side) for side in expr.sides))
    if isinstance(expr, Family):
        return Family(worked(expr.body), expr.parameters, expr.condition, expr.where)
    if not isinstance(expr, Op):
        return expr
    args = tuple(worked(arg) for arg in expr.args)
    found: Expr | None = None
    if expr.op == "add":
        found = _sum(args)
    elif expr.op in ("mul", "div"):
        found = _product(args) if expr.op == "mul" else _scaled(args[0], lambda entry: Op("div", (entry, args[1])))
    elif expr.op == "neg":
        found = _scaled(args[0], lambda entry: Op("neg", (entry,)))
    elif expr.op == "pow" and isinstance(args[0], Matrix):
        found = _power(args[0], args[1])
    return found if found is not None else expr


def _entries(expr: Expr) -> tuple[Expr, ...] | None:
    """The entries of a matrix or tuple, row by row; None for anything else."""
    if isinstance(expr, Matrix) and expr.kind == "matrix":
        return expr.children
    if isinstance(expr, Group) and expr.kind in ("tuple", "square"):
        return expr.items
    return None


def _rebuilt(like: Expr, entries: Sequence[Expr]) -> Expr:
    if isinstance(like, Matrix):
        width = len(like.rows[0])
        return Matrix(tuple(tuple(entries[at : at + width]) for at in range(0, len(entries), width)))
    assert isinstance(like, Group)
    return Group(like.kind, tuple(entries))


def _scaled(expr: Expr, change: Callable[[Expr], Expr]) -> Expr | None:
    entries = _entries(expr)
    return _rebuilt(expr, [change(entry) for entry in entries]) if entries is not None else None


def _shape(expr: Expr) -> tuple[int, int]:
    if isinstance(expr, Matrix):
        return len(expr.rows), len(expr.rows[0])
    assert isinstance(expr, Group)
    return len(expr.items), 1


def _sum(args: Sequence[Expr]) -> Expr | None:
    every = [_entries(arg) for arg in args]
    if any(entries is None for entries in every) or len({_shape(arg) for arg in args}) != 1:
        return None
    sums = [_folded(Op("add", terms)) for terms in zip(*(entries or () for entries in every))]
    return _rebuilt(args[0], sums)


def _product(args: Sequence[Expr]) -> Expr | None:
    """Scalars times one array, or scalars times a product of matrices."""
    arrays = [arg for arg in args if _entries(arg) is not None]
    scalars = [arg for arg in args if _entries(arg) is None]
    if not arrays or any(not marks(scalar).isdisjoint(("Matrix", "Group", "Interval")) for scalar in scalars):
        return None
    result: Expr | None = arrays[0]
    if len(arrays) > 1:
        result = _multiplied([array for array in arrays if isinstance(array, Matrix)], len(arrays))
    if result is None or not scalars:
        return result
    return _scaled(result, lambda entry: _folded(Op("mul", (*scalars, entry))))


def _multiplied(matrices: Sequence[Matrix], count: int) -> Matrix | None:
    exact_before = all(_is_exact(matrix) for matrix in matrices)
    if len(matrices) != count or count > (_MAX_POWER if exact_before else _MAX_SYMBOLIC_POWER):
        return None
    product = matrices[0]
    for matrix in matrices[1:]:
        found = _times(product, matrix)
        if found is None or (exact_before and not _is_exact(found)):
            return None  # numbers beyond the limits: unfolded, the next product would grow without bound
        product = found
    return product


def _times(first: Matrix, second: Matrix) -> Matrix | None:
    (height, inner), (rows, width) = _shape(first), _shape(second)
    limit = _MAX_SIDE if _is_exact(first) and _is_exact(second) else _MAX_SYMBOLIC_SIDE
    if inner != rows or max(height, inner, width) > limit:
        return None
    return Matrix(
        tuple(
            tuple(
                _folded(
                    Op("add", tuple(Op("mul", (first.rows[row][at], second.rows[at][column])) for at in range(inner)))
                )
                if inner > 1
                else _folded(Op("mul", (first.rows[row][0], second.rows[0][column])))
                for column in range(width)
            )
            for row in range(height)
        )
    )


def _power(matrix: Matrix, exponent: Expr) -> Matrix | None:
    side = len(matrix.rows)
    if side != len(matrix.rows[0]) or matrix.kind != "matrix" or side > _MAX_SIDE:
        return None
    zero = num(0)
    if all(entry == zero for row in range(side) for at, entry in enumerate(matrix.rows[row]) if at != row):
        diagonal = [Op("pow", (matrix.rows[at][at], exponent)) for at in range(side)]
        return Matrix(tuple(tuple(diagonal[at] if at == row else zero for at in range(side)) for row in range(side)))
    if not isinstance(exponent, Num) or exponent.value.denominator != 1:
        return None
    power = int(exponent.value)
    if power < 0:
        inverse = _inverse(matrix)
        return _power(inverse, num(-power)) if inverse is not None else None
    if not 0 < power <= (_MAX_POWER if _is_exact(matrix) else _MAX_SYMBOLIC_POWER):
        return None
    return _multiplied([matrix] * power, power)


def _is_exact(matrix: Matrix) -> bool:
    return all(isinstance(entry, Num) for entry in matrix.children)


def _inverse(matrix: Matrix) -> Matrix | None:
    """The inverse, of more than two rows only where all entries are numbers; None of a singular matrix."""
    side = len(matrix.rows)
    if side == 2:
        (a, b), (c, d) = matrix.rows
        determinant = _folded(Op("add", (Op("mul", (a, d)), Op("neg", (Op("mul", (b, c)),)))))
        if determinant == num(0):
            return None
        entries = ((d, Op("neg", (b,))), (Op("neg", (c,)), a))
        return Matrix(tuple(tuple(_folded(Op("div", (entry, determinant))) for entry in row) for row in entries))
    values = [[exact_or_none(entry) for entry in row] for row in matrix.rows]
    rows = [[value for value in row if value is not None] for row in values]
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
    answer: Expr,
    reference: Expr,
    left: Collection | None,
    right: Collection | None,
    compare: Compare,
    settings: Settings,
) -> Equivalence | None:
    """A column or row beside a tuple, nested lists beside a matrix, unit vectors beside either; None: none of these."""
    single, items = (labelled(answer).value, right) if left is None else (labelled(reference).value, left)
    if items is None:
        return None
    values = tuple(entry.value for entry in items.items)
    if not isinstance(single, Matrix):
        parts = components(single, len(values)) if items.ordered or items.ranked else None
        if parts is None:
            return None
        pair = (Group("tuple", parts), Group("tuple", values))
        return compare(*(pair if left is None else pair[::-1]), settings)
    if all(isinstance(value, Group | Interval) for value in values) and len(values) == len(single.rows):
        rows = [collection(value) for value in values]
        other = Matrix(tuple(tuple(cell.value for cell in row.items) if row else () for row in rows))
    elif len(single.rows) == 1 or len(single.rows[0]) == 1:
        other = Matrix((values,) if len(single.rows) == 1 else tuple((value,) for value in values))
        if items.explicit_set or (not items.ordered and not items.ranked and len(values) > 1):
            return no("a list where a vector is expected")
    else:
        return None
    pair_of = (single, other) if left is None else (other, single)
    return compare_matrices(*pair_of, compare, settings)


def compare_unit_vectors(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Equivalence | None:
    """A matrix beside multiples of the identity, a row or column beside a sum of unit vectors; None: another pair."""
    matrix, other = (answer, reference) if isinstance(answer, Matrix) else (reference, answer)
    assert isinstance(matrix, Matrix)
    size = len(matrix.rows)
    if size == len(matrix.rows[0]) and not free_symbols(other).isdisjoint(names := (f"I_{size}", f"E_{size}")):
        identity = Matrix(tuple(tuple(num(int(row == column)) for column in range(size)) for row in range(size)))
        full = worked(substitute(other, dict.fromkeys(names, identity)))  # 2 I_2
        if full == other:
            return None
        return compare(matrix, full, settings) if matrix is answer else compare(full, matrix, settings)
    if 1 not in (size, len(matrix.rows[0])):
        return None
    parts = components(other, len(matrix.children))
    if parts is None:
        return None
    pair = (Group("tuple", matrix.children), Group("tuple", parts))
    return compare(*(pair if matrix is answer else pair[::-1]), settings)


def compare_matrices(answer: Matrix, reference: Matrix, compare: Compare, settings: Settings) -> Equivalence:
    """Whether two matrices have the same shape and entries."""
    shapes = [(len(matrix.rows), len(matrix.rows[0])) for matrix in (answer, reference)]
    if shapes[0] != shapes[1] or any(len(row) != shapes[0][1] for row in (*answer.rows, *reference.rows)):
        return no(f"shape {shapes[0]}, expected {shapes[1]}")
    for mine, theirs in zip(answer.children, reference.children):
        judged = compare(mine, theirs, settings)
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
    origin = _put(plain, dict.fromkeys(names, 0))
    parts = [_put(plain, {name: int(name == chosen) for name in names}) for chosen in names]
    doubled = [_put(plain, {name: 2 * int(name == chosen) for name in names}) for chosen in names]
    everything = _put(plain, dict.fromkeys(names, 1))
    settings = Settings()
    checks = [(origin, num(0)), (everything, Op("add", tuple(parts)))]
    checks += [(twice, Op("mul", (num(2), part))) for twice, part in zip(doubled, parts)]
    return tuple(parts) if all(compare_values(one, other, settings) for one, other in checks) else None


def _put(expr: Expr, values: dict[str, int]) -> Expr:
    return substitute(expr, {name: num(value) for name, value in values.items()})
