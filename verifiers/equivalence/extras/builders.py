r"""Sets built from a parameter, `\{2n + 1 : n \in \mathbb{N}\}`: the parameter may have any name."""

from __future__ import annotations

from verifiers.equivalence.types import Compare, Equivalence, Settings, no, yes
from verifiers.parse.conditions import declares
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Builder, Expr, Rel, Sym


def compare_builders(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Equivalence | None:
    """Whether two sets of the values of an expression are the same expression over the same numbers; None else."""
    if not (isinstance(answer, Builder) and isinstance(reference, Builder)):
        return None
    mine, theirs = answer.condition, reference.condition
    if not (isinstance(mine, Rel) and isinstance(theirs, Rel) and declares(mine) and declares(theirs)):
        return None
    name, other = mine.sides[0], theirs.sides[0]
    if mine.sides[1] != theirs.sides[1] or not (isinstance(name, Sym) and isinstance(other, Sym)):
        return None
    judged = compare(substitute(answer.head, {name.name: other}), reference.head, settings)
    return yes("the same values of the parameter", "structure") if judged else no("values of another expression")
