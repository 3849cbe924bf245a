"""Structures that are cheap to write and dear to work out: each ends within a fraction of the deadline, unpaid."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from verifiers.judges.symbolic import SymbolicVerifier

VERIFIER = SymbolicVerifier(mode="evaluation")
NINES = "9" * 1900


def matrix(rows: str) -> str:
    return "\\begin{pmatrix}" + rows + "\\end{pmatrix}"


LARGE: dict[str, tuple[str, str]] = {
    "power of a matrix": (matrix(f"{NINES}&{NINES}\\\\{NINES}&{NINES}") + "^{64}", matrix("1&2\\\\3&4")),
    "product of matrices with symbols": (matrix("a&b\\\\c&d") * 60, matrix("1&2\\\\3&4")),
    "product of matrices": (matrix("1&2\\\\3&4") * 100, matrix("1&2\\\\3&4")),
    "many cases": (
        "\\begin{cases}" + "\\\\".join(f"x^{i}+\\sin(x) & x>{i}" for i in range(40)) + "\\end{cases}", "|x|"
    ),
    "chain of equal expressions": ("=".join(f"(x+{i})^2-{2 * i}x-{i * i}" for i in range(40)), "x^3"),
    "zeta of a large number": ("\\zeta(10^{6})", "1"),
    "zeta far from the real axis": ("\\zeta(0.5+1000000i)", "1"),
    "gamma of a large number": ("\\Gamma(10^{10})", "1"),
    "phrase with many ands": ("between " + " and ".join("x" for _ in range(1500)), "(1,2)"),
    "many arbitrary constants": ("y=" + "+".join(f"C_{i}e^{{{i}x}}" for i in range(30)), "y=C_1e^x+C_2e^{2x}"),
    "constants in a denominator": ("y=\\frac{1}{C_1+C_2x+C_3x^2+C_4x^3}", "y=\\frac{1}{C_1+C_2x+C_3x^2-C_4x^4}"),
    "long modulus": (f"n\\equiv 1 \\pmod{{{NINES[:1000]}}}", "n\\equiv 1 \\pmod{7}"),
    "many progressions": (
        "x=" + " \\text{ or } ".join(f"\\frac{{\\pi}}{{{i + 2}}}+k\\pi" for i in range(200)) + ", k\\in\\mathbb{Z}",
        "x=k\\pi, k\\in\\mathbb{Z}",
    ),
    "very many integers": ("\\{x\\in\\mathbb{Z}: |x|<10^{30}\\}", "\\{1,2\\}"),
    "inequality of high degree": ("x^{24}-x^{23}+x-3>0", "x>1"),
    "inequality with a root of high order": ("(x-1)" * 30 + ">0", "x>1"),
    "number words": ("one hundred " * 2000, "5"),
    "many units": ("5 " + "\\text{ kg m}" * 1000, "5 kg"),
    "many signs": ("\\pm 1 " * 300, "5"),
    "many divisions": ("1" + "/2" * 1000, "5"),
    "many assignments": ("x=1,y=2;" * 400, "(1,2)"),
    "combinations": ("^{10}C_3" * 700, "5"),
    "siunitx": ("\\SI{5}{" * 900, "5"),
    "digits of base 16": ("F" * 3000 + "_{16}", "5"),
    "after the box": ("\\boxed{4} " + "correctio " * 20_000, "5"),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("form", ["{}", "\\boxed{{{}}}"])
def test_large_structures_end_soon_without_reward(name: str, form: str) -> None:
    answer, reference = LARGE[name]
    started = time.thread_time()
    assert not VERIFIER.verify(form.format(answer), reference).is_correct
    assert time.thread_time() - started < 1.0


@pytest.mark.parametrize("name", [name for name in LARGE if name != "after the box"])
def test_large_references_are_read_or_refused_soon(name: str) -> None:
    answer, _ = LARGE[name]
    started = time.thread_time()
    with suppress(ValueError):  # refused when the data is loaded
        VERIFIER.verify("\\boxed{1}", answer)
    assert time.thread_time() - started < 1.0
