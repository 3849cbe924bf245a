"""What docs/verifiers.md says is so: every claim about equality, reason and setting, on its own example."""

from __future__ import annotations

from typing import Any

import pytest

from verifiers.judges.symbolic import SymbolicVerifier
from verifiers.types import Reason

# reference, answer, is it right
EQUALITY = [
    ("3.14", r"\pi", True), (r"\pi", "3.14", False), ("3.14", "3.141", False), (r"10\%", "0.1", True),
    (r"10\%", "10", True), ("10", r"10\%", True), ("0.1", r"10\%", True), ("0.1", "10", False),
    ("(1,2)", "(2,1)", False), (r"\{1,2\}", r"\{2,1\}", True), ("[0,1)", "[0,1]", False),
    ("(1,2),(2,1)", "x=1, y=2 or x=2, y=1", True), (r"\mathbb{R}\setminus\{2\}", "all real numbers except 2", True),
    (r"\{-2,-1,0,1,2\}", r"\{x\in\mathbb{Z} : |x|\le 2\}", True), ("5", "x = 5", True), ("x = 5", "y = 5", False),
    ("f(x) = x^2", "f(t) = t^2", True), ("x^2 + C", "x^2 + 2K", True), ("x^2 + C", "x^2", False),
    ("5 km", "5000 m", True),
    ("1 N", "1 kg m/s^2", True), (r"25^\circ C", "298.15 K", True), ("5 km", "5", True),
    ("no solution", "There are no solutions", True), ("does not exist", "DNE", True),
    (r"\log_{10} 100", r"\log 100", True),
]  # fmt: skip
REASONS = [
    ("42", "41 = 42", Reason.CONTRADICTION), ("42", "3 = 3", Reason.CONTRADICTION),
    ("(B) 12", "(B) 13", Reason.CONTRADICTION),
    (r"\frac12", r"\int_0^1 x\,dx", Reason.UNEVALUATED), ("(-2,2)", "x^2 < 4", Reason.UNEVALUATED),
    ("5 km", "5 s", Reason.UNITS), ("42", "forty-two", Reason.FORMAT), ("101_2", "5", Reason.FORMAT),
    ("42", "9^{9^{9^9}}", Reason.OVER_BUDGET),
]  # fmt: skip
SETTINGS: list[tuple[dict[str, Any], str, str]] = [
    ({"allow_unevaluated": True}, r"\int_0^1 x\,dx", r"\frac12"), ({"number_words": True}, "forty-two", "42"),
    ({"tolerance": 0.01}, "0.33", "1/3"), ({"relative_tolerance": 0.01}, "99.5", "100"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "answer", "right"), EQUALITY)
def test_claims_about_equality_hold(reference: str, answer: str, right: bool) -> None:
    assert SymbolicVerifier(mode="evaluation").verify(f"\\boxed{{{answer}}}", reference).is_correct == right


@pytest.mark.parametrize(("reference", "answer", "reason"), REASONS)
def test_claims_about_reasons_hold(reference: str, answer: str, reason: Reason) -> None:
    verdict = SymbolicVerifier(mode="evaluation").verify(f"\\boxed{{{answer}}}", reference)
    assert (verdict.is_correct, verdict.reason) == (False, reason)


@pytest.mark.parametrize(("settings", "answer", "reference"), SETTINGS)
def test_settings_accept_what_the_default_refuses(settings: dict[str, Any], answer: str, reference: str) -> None:
    assert not SymbolicVerifier(mode="evaluation").verify(f"\\boxed{{{answer}}}", reference).is_correct
    assert SymbolicVerifier(mode="evaluation", **settings).verify(f"\\boxed{{{answer}}}", reference).is_correct


def test_a_missing_unit_is_refused_where_units_are_required() -> None:
    verdict = SymbolicVerifier(mode="evaluation", require_units=True).verify(r"\boxed{5}", "5 km")
    assert (verdict.is_correct, verdict.reason) == (False, Reason.UNITS)


def test_a_box_taken_back_does_not_count() -> None:
    taken_back = r"So \boxed{5}. Correction: a factor was forgotten, it has to be doubled."
    assert not SymbolicVerifier(mode="evaluation").verify(taken_back, "5").is_correct
