"""A tree as one line of text: how an answer was read, for a person."""

from __future__ import annotations

from fractions import Fraction

from verifiers.parse.tree import (
    Apply,
    BaseNum,
    Bound,
    Builder,
    Call,
    Cases,
    Const,
    Dots,
    Expr,
    Family,
    Group,
    Interval,
    Matrix,
    Num,
    Op,
    Quantity,
    Ratio,
    Rel,
    SetOp,
    Sym,
    Text,
)

_JOIN = {"mul": " * ", "div": "/", "mod": " mod ", "pm": " ± ", "mp": " ∓ "}
_AFTER = {"fact": "!", "dfact": "!!", "percent": "%", "degree": "°", "complement": "^c"}
_SETS = {"union": " ∪ ", "intersection": " ∩ ", "minus": " \\ "}
_BRACKETS = {"tuple": ("(", ")"), "set": ("{", "}"), "square": ("[", "]")}
_MAX_CHARACTERS = 400


def show(expr: Expr) -> str:
    """The tree in infix notation, cut off where it is long."""
    text = _show(expr)
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + " ..."


def _show(expr: Expr) -> str:
    match expr:
        case Num(value, places):
            return _number(value, places)
        case Sym(name) | Const(name):
            return name
        case Op(op, args):
            return _operator(op, args)
        case Call(name, args) | Apply(name, args):
            return f"{name}({_all(args)})"
        case Rel(ops, sides):
            return _show(sides[0]) + "".join(f" {op} {_show(side)}" for op, side in zip(ops, sides[1:]))
        case Group(kind, items):
            return _group(kind, items)
        case Interval(low, high, closed_low, closed_high):
            return f"{'[' if closed_low else '('}{_show(low)}, {_show(high)}{']' if closed_high else ')'}"
        case SetOp(op, args):
            return _SETS.get(op, f" {op} ").join(_show(arg) for arg in args)
        case Builder(head, condition):
            return f"{{{_show(head)} | {_show(condition)}}}"
        case Matrix(rows, kind):
            inner = "; ".join(", ".join(_show(entry) for entry in row) for row in rows)
            return f"{'det ' if kind == 'det' else ''}[{inner}]"
        case Cases(branches):
            return "cases " + "; ".join(_show(v) + (f" if {_show(c)}" if c else "") for v, c in branches)
        case Quantity(value, unit):
            return f"{_wrapped(value)} {unit}"
        case Ratio(items):
            return " : ".join(_wrapped(item) for item in items)
        case BaseNum(value, base):
            return f"{value} (written in base {base})"
        case Family(body, parameters, condition, where):
            stated = _show(where) if where is not None else " ".join((*parameters, condition)).strip()
            return f"{_show(body)}, where {stated}"
        case Bound(kind, body, variable, low, high):
            ends = f" from {_show(low)} to {_show(high)}" if low is not None and high is not None else ""
            return f"{kind} over {variable}{ends} of {_wrapped(body)}"
        case Text(words):
            return f'the words "{words}"'
        case Dots():
            return "..."
    return type(expr).__name__


def _number(value: Fraction, places: int | None) -> str:
    if places and places > 0:
        return f"{float(value):.{min(places, 12)}f}"
    return str(value)


def _operator(op: str, args: tuple[Expr, ...]) -> str:
    if op == "neg":
        return f"-{_wrapped(args[0])}"
    if op == "pow":
        base = f"({_show(args[0])})" if isinstance(args[0], Op) else _wrapped(args[0])
        return f"{base}^{_wrapped(args[1])}"
    if op in _AFTER:
        return f"{_wrapped(args[0])}{_AFTER[op]}"
    if op == "add":
        return "".join(_term(arg, first=index == 0) for index, arg in enumerate(args))
    if op in _JOIN:
        return _JOIN[op].join(_wrapped(arg) for arg in args)
    return f"{op}({_all(args)})"


def _term(expr: Expr, *, first: bool) -> str:
    """A term of a sum, with the sign that joins it to the one before."""
    if isinstance(expr, Num) and expr.value < 0 and not first:
        return f" - {_number(-expr.value, expr.places)}"
    if isinstance(expr, Op) and expr.op == "neg" and not first:
        return f" - {_wrapped(expr.args[0])}"
    return _show(expr) if first else f" + {_show(expr)}"


def _group(kind: str, items: tuple[Expr, ...]) -> str:
    if kind in _BRACKETS:
        opening, closing = _BRACKETS[kind]
        return f"{opening}{_all(items)}{closing}"
    return f" {kind} ".join(_show(item) for item in items) if kind in ("and", "or") else _all(items)


def _all(items: tuple[Expr, ...]) -> str:
    return ", ".join(_show(item) for item in items)


def _wrapped(expr: Expr) -> str:
    """In brackets where the operator around it would bind tighter."""
    is_sum = isinstance(expr, Op) and expr.op in ("add", "mul", "div", "pm", "mp", "neg", "mod")
    is_fraction = isinstance(expr, Num) and ((expr.value.denominator != 1 and not expr.places) or expr.value < 0)
    return f"({_show(expr)})" if is_sum or is_fraction else _show(expr)
