"""LaTeX or plain text -> a restricted expression tree, under limits. Nothing is ever evaluated as code."""

from verifiers.parse.limits import Limits, OverBudgetError, ParseError
from verifiers.parse.reading import parse
from verifiers.parse.tree import Expr, free_symbols, is_equation, is_group, is_op, marks, walk

__all__ = [
    "Expr", "Limits", "OverBudgetError", "ParseError", "free_symbols", "is_equation", "is_group", "is_op", "marks",
    "parse", "walk",
]  # fmt: skip
