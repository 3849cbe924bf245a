"""4,912 pairs with labels: since their classes of defects were mended these are training rows of the rules.

They say that nothing is lost, and nothing about answers that nobody has looked at: for that see the cases of other
projects (`test_shared_cases.py`). Every row that is judged otherwise than by its author stands here with its reason;
none is paid wrongly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verifiers.judges.symbolic import SymbolicVerifier

DATA = Path(__file__).parent / "data"
VERIFIER = SymbolicVerifier(mode="evaluation")
PARAPHRASE = "words that say the same otherwise: not understood"
NUMBER_WORDS = "a number in words for digits is a matter of form: `number_words=True` accepts it"
DESCRIBED = "an object described in words beside its notation"
UNEVALUATED = "an operation is left to work out: `allow_unevaluated=True` accepts it"
PROSE = "the answer stands unannounced in prose"
RESTATED = "one value said more than once, in several forms, is several values"
SUM_WITH_VALUE = "a reference such as m + n = 37 asks for the equation"
UNCLOSED = "a box that is not closed breaks off: its content may be a part"
DECIMAL_COMMA = "the reference 0,5 is read as two values"
DISAGREEMENTS = {
    "a016": NUMBER_WORDS, "a045": SUM_WITH_VALUE, "a047": NUMBER_WORDS, "a196": PROSE,
    "a389": "a sum with dots is compared as written",
    "a398": PARAPHRASE,
    "b026": PARAPHRASE, "b063": DESCRIBED, "b096": "signs said in words to be independent",
    "b090": "sets of one region of the Venn diagram", "b098": "permutations said in words", "b142": DESCRIBED,
    "b171": "spans of vectors in another order", "b172": "a span beside a set with a parameter",
    "b183": PARAPHRASE, "b185": DESCRIBED, "b189": "the question asks for a base, so 11 in base ten is another answer",
    "b191": DESCRIBED, "b193": "an unordered pair for two ordered ones", "b195": DESCRIBED, "b203": DESCRIBED,
    "b215": UNEVALUATED, "b221": "a density with its zero part said in brackets",
    "b230": "a relation beside a parametrisation", "b233": "a statement for all n, and integers meant but not said",
    "b253": PARAPHRASE, "b258": "a chemical equation", "b286": PARAPHRASE, "b296": "labelled parts in another order",
    "b299": "P and A for perimeter and area", "b310": "a small letter without brackets is a variable",
    "b312": PARAPHRASE, "b361": PROSE, "b363": PROSE, "b399": PROSE, "b426": PROSE,
    "c0791": "a binomial coefficient for a column", "c0810": "the error function",
    "c0997": UNCLOSED, "c1016": UNCLOSED, "c1066": "denies one option, then names one", "c1117": RESTATED,
    "c1182": "an exclamation mark after a number is a factorial", "c1335": "x = y = \\pm 3 for two points",
    "c1495": "equal only where the symbols are positive", "c1715": DECIMAL_COMMA,
    "c1716": DECIMAL_COMMA, "c1942": SUM_WITH_VALUE,
    "d068": "two amounts joined by `or` are two answers",
    "d243": "the options that are left, by elimination", "e035": "j for the imaginary unit",
    "f074": "a product with dots", "f137": "a curve with the pole added to it", "f183": "a word for a time of day",
    "f302": "no sign says where the argument of the sine ends",
    "f409": "two numbers in a remark", "f443": "a letter glued to a number may be a factor",
    "g197": "a matrix beside the name of its inverse", "g206": "a product of vectors named by an equation",
    "g360": "so much for each is another amount", "h150": "a curve solved by an inverse function",
    "d072": "the restatement repeats itself",
}  # fmt: skip


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "name", ["labelled_a.jsonl", "labelled_b.jsonl", "labelled_c.jsonl", "labelled_d.jsonl", "labelled_e.jsonl"]
)
def test_pairs_are_judged_as_their_authors_do(name: str) -> None:
    pairs = rows(name)
    wrong = [row for row in pairs if VERIFIER.verify(row["answer"], row["gold"]).is_correct != row["expected"]]
    assert [row["id"] for row in wrong if not row["expected"]] == []  # nothing is paid that is wrong
    assert {row["id"] for row in wrong} <= DISAGREEMENTS.keys()


def test_a_box_around_the_answer_changes_no_verdict() -> None:
    for row in (row for letter in "abcde" for row in rows(f"labelled_{letter}.jsonl")):
        if row["extraction"] == "expression" and row["id"] not in DISAGREEMENTS:
            boxed = VERIFIER.verify(f"\\boxed{{{row['answer']}}}", row["gold"]).is_correct
            assert boxed == row["expected"], row["id"]


@pytest.mark.parametrize(("answer", "gold"), [("seventeen", "17"), ("one million", "10^6"), ("two thirds", r"\frac23")])
def test_a_number_in_words_is_right_where_the_environment_says_so(answer: str, gold: str) -> None:
    assert not VERIFIER.verify(answer, gold).is_correct
    assert SymbolicVerifier(mode="evaluation", number_words=True).verify(answer, gold).is_correct
    assert VERIFIER.verify(gold, f"\\text{{{answer}}}").is_correct
