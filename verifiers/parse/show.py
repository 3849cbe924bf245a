"""A tree as one line of text: how an answer was read, for a person."""

from __future__ import annotations

from collections.abc import Iterable

from verifiers.parse import tree
from verifiers.parse.tree import Call, Expr, Group, Num, Op, is_op

_JOIN = {"mul": " * ", "div": "/", "mod": " mod ", "pm": " ± ", "mp": " ∓ "}
_AFTER = {"fact": "!", "dfact": "!!", "percent": "%", "degree": "°", "complement": "^c"}
_SETS = {"union": " ∪ ", "intersection": " ∩ ", "minus": " \\ "}
_BRACKETS = {"tuple": "()", "set": "{}", "square": "[]"}
_MAX_CHARACTERS = 400


def show(expr: Expr) -> str:
    """The tree in infix notation, cut off where it is long."""
    text = _show(expr)
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + " ..."


def _show(expr: Expr) -> str:
    match expr:
        case Num(value, places):
            return f"{float(value):.{min(places, 12)}f}" if places and places > 0 else str(value)
        case tree.Sym(name) | tree.Const(name):
            return name
        case Op("neg", (arg,)):
            return f"-{_wrapped(arg)}"
        case Op("pow", (base, exponent)):
            below = f"({_show(base)})" if isinstance(base, Op) else _wrapped(base)
            return f"{below}^{_wrapped(exponent)}"
        case Op("add", (first, *rest)):
            return _show(first) + "".join(map(_added, rest))
        case Op(op, (arg,)) if op in _AFTER:
            return _wrapped(arg) + _AFTER[op]
        case Op(op, args) if op in _JOIN:
            return _JOIN[op].join(map(_wrapped, args))
        case Op(name, args) | Call(name, args) | tree.Apply(name, args):
            return f"{name}({_all(args)})"
        case tree.Rel(ops, sides):
            return _show(sides[0]) + "".join(f" {op} {_show(side)}" for op, side in zip(ops, sides[1:]))
        case Group(kind, items) if kind in _BRACKETS:
            return _all(items).join(_BRACKETS[kind])
        case Group(kind, items):
            return f" {kind} ".join(map(_show, items)) if kind in ("and", "or") else _all(items)
        case tree.Interval(low, high, closed_low, closed_high):
            return f"{'[' if closed_low else '('}{_all((low, high))}{']' if closed_high else ')'}"
        case tree.SetOp(op, args):
            return _SETS.get(op, f" {op} ").join(map(_show, args))
        case tree.Builder(head, condition):
            return f"{{{_show(head)} | {_show(condition)}}}"
        case tree.Matrix(rows, kind):
            return f"{'det ' if kind == 'det' else ''}[{'; '.join(map(_all, rows))}]"
        case tree.Cases(branches):
            return "cases " + "; ".join(_show(v) + (f" if {_show(c)}" if c else "") for v, c in branches)
        case tree.Quantity(value, unit):
            return f"{_wrapped(value)} {unit}"
        case tree.Ratio(items):
            return " : ".join(map(_wrapped, items))
        case tree.BaseNum(value, base):
            return f"{value} (written in base {base})"
        case tree.Family(body, parameters, condition, where):
            stated = _show(where) if where is not None else " ".join((*parameters, condition)).strip()
            return f"{_show(body)}, where {stated}"
        case tree.Bound(kind, body, variable, low, high):
            ends = f" from {_show(low)} to {_show(high)}" if low is not None and high is not None else ""
            return f"{kind} over {variable}{ends} of {_wrapped(body)}"
        case tree.Text(words):
            return f'the words "{words}"'
    return "..."


def _added(expr: Expr) -> str:
    """A further term of a sum, with the sign that joins it to the one before."""
    if isinstance(expr, Num) and expr.value < 0:
        return f" - {_show(Num(-expr.value, expr.places))}"
    return f" - {_wrapped(expr.args[0])}" if is_op(expr, "neg") else f" + {_show(expr)}"


def _all(items: Iterable[Expr]) -> str:
    return ", ".join(map(_show, items))


def _wrapped(expr: Expr) -> str:
    """In brackets where the operator around it would bind tighter."""
    is_sum = is_op(expr, "add", "mul", "div", "pm", "mp", "neg", "mod")
    is_fraction = isinstance(expr, Num) and ((expr.value.denominator != 1 and not expr.places) or expr.value < 0)
    return f"({_show(expr)})" if is_sum or is_fraction else _show(expr)
