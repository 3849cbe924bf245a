"""Form checks, and verifiers made of named parts."""

import pytest
from fixed_verifiers import Always, LastLine

from verifiers.judges.combine import AllOf, AnyOf, WeightedVerifier
from verifiers.judges.format import FormatVerifier
from verifiers.types import Outcome, Reason


@pytest.mark.parametrize(
    ("form", "response", "is_right"),
    [
        ("boxed", r"so \boxed{4}", True),
        ("boxed", r"so \boxed{\frac{1}{2}} indeed", True),
        ("boxed", r"so \boxed{\{1, 2\}}", True),
        ("boxed", "so 4", False),
        ("boxed", r"\boxed{4} or \boxed{5}", False),
        ("boxed", r"\boxed{4} and \fbox{5} and \boxed{4}", False),
        ("boxed", r"\boxed{ }", False),
        ("boxed", r"\boxed{\frac{1}{2}", False),
        ("hashes", "1 + 1 = 2\n#### 2", True),
        ("hashes", "#### 2\n", True),
        ("hashes", "#### 2\nthat is it", False),
        ("hashes", "#### 2\n#### 3", False),
        ("hashes", "1 + 1 = 2 #### 2", False),
        ("hashes", "####", False),
        ("hashes", "", False),
        ("think_answer", "<think>1+1</think>\n<answer>2</answer>", True),
        ("think_answer", "<think></think><answer>2</answer>", True),
        ("think_answer", "<answer>2</answer>", False),
        ("think_answer", "<think>1</think><answer>2</answer> so 2", False),
        ("think_answer", "well <think>1</think><answer>2</answer>", False),
        ("think_answer", "<think>1</think> so <answer>2</answer>", False),
        ("think_answer", "<answer>2</answer><think>1</think>", False),
        ("think_answer", "<think>1<think></think><answer>2</answer>", False),
        ("think_answer", "<think>1</think><answer> </answer>", False),
    ],
)
def test_form(form: str, response: str, is_right: bool) -> None:
    verdict = FormatVerifier(form).verify(response, "")
    assert verdict.is_correct is is_right
    assert is_right or (verdict.reason is Reason.FORMAT and verdict.score == 0)


def test_an_enormous_response_is_over_budget_not_slow() -> None:
    assert FormatVerifier("boxed", max_characters=10).verify("x" * 11, "").reason is Reason.OVER_BUDGET


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown form 'box'"):
        FormatVerifier("box")


def test_the_score_is_the_weighted_mean_and_every_part_is_named() -> None:
    verifier = WeightedVerifier({"answer": Always(), "form": Always("wrong", 0.0)}, weights={"answer": 3, "form": 1})
    verdict = verifier.verify("", "")
    # (3 * 1 + 1 * 0) / 4
    assert (verdict.outcome, verdict.score) == (Outcome.CORRECT, 0.75)
    assert verdict.parts == {"answer": 1.0, "form": 0.0}


def test_form_alone_never_makes_an_answer_correct() -> None:
    verifier = WeightedVerifier({"answer": LastLine(), "form": "format"}, weights={"answer": 0.9, "form": 0.1})
    verdict = verifier.verify("\\boxed{4}", "5")
    assert verdict.outcome is Outcome.WRONG
    assert verdict.score == pytest.approx(0.1)


def test_another_part_can_decide() -> None:
    parts = {"answer": Always("wrong", 0.0), "form": Always()}
    assert WeightedVerifier(parts, decides="form").verify("", "").is_correct
    with pytest.raises(ValueError, match="not a part"):
        WeightedVerifier(parts, decides="style")


def test_a_failing_part_is_an_error_of_the_whole() -> None:
    verdict = WeightedVerifier({"answer": Always(), "slow": Always("error", 0.0)}).verify("", "")
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, 0.0)
    assert "part 'slow'" in verdict.detail


@pytest.mark.parametrize("weights", [{"answer": 1.0}, {"answer": -1.0, "form": 2.0}, {"answer": 0.0, "form": 0.0}])
def test_bad_weights_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        WeightedVerifier({"answer": Always(), "form": Always()}, weights=weights)


def test_all_of_stops_at_the_first_failure() -> None:
    verdict = AllOf({"a": Always(), "b": Always("wrong", 0.0), "c": Always()}).verify("", "")
    assert (verdict.outcome, verdict.score, dict(verdict.parts)) == (Outcome.WRONG, 0.0, {"a": 1.0, "b": 0.0})
    assert AllOf({"a": Always(), "form": {"name": "format", "form": "hashes"}}).verify("#### 1", "").is_correct


def test_any_of_takes_the_first_correct_verdict_else_the_first() -> None:
    assert AnyOf([Always("wrong", 0.0), Always()]).verify("", "").is_correct
    assert AnyOf([Always("no_answer", 0.0), Always("wrong", 0.0)]).verify("", "").outcome is Outcome.NO_ANSWER
