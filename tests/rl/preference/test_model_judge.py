"""A language model as an annotator: a policy's probabilities, and an endpoint's words."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import pytest

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.preference.labels.annotators import make_annotator
from rl.preference.labels.comparisons import collect_comparisons
from rl.preference.labels.features import SolutionFeatures
from rl.preference.labels.model_judge import ModelJudge, _read
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict


def seen(response, prompt="1 + 1?"):
    return SolutionFeatures(1, True, (), (), 1, 1.0, False, True, prompt=prompt, response=response)


class Scripted:
    """Prefers, of two solutions, A with the given probability when it is shown first."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def probabilities(self, questions):
        self.asked += questions
        return [self.answer(text) for text, _ in questions]


def judge_with(answer):
    judge = ModelJudge(policy="never loaded")
    judge._readers.append(Scripted(answer))
    return judge, judge._readers[0]


def test_a_liking_for_the_first_place_cancels():
    judge, _ = judge_with(lambda text: 0.9)  # whatever it is shown
    assert judge.choice(seen("a"), seen("b")).first == pytest.approx(0.5)


def test_the_choice_is_the_mean_of_both_orders():
    judge, reader = judge_with(lambda text: 0.8 if "Solution A:\ngood" in text else 0.4)
    # good first: .8; good second: 1 - .4 = .6; mean .7
    assert judge.choice(seen("good"), seen("bad")).first == pytest.approx(0.7)
    assert judge.choice(seen("bad"), seen("good")).first == pytest.approx(0.3)
    assert len(reader.asked) == 2  # the second choice asked nothing new


def test_prompt_and_both_texts_are_shown_and_braces_mean_nothing():
    judge, reader = judge_with(lambda text: 0.5)
    judge.choice(seen("x = {first}", prompt="solve {prompt}"), seen("{0}"))
    text = reader.asked[0][0]
    assert "solve {prompt}" in text
    assert "Solution A:\nx = {first}" in text
    assert "Solution B:\n{0}" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("A", 1.0), ("B.", 0.0), ("**A**", 1.0), ("I prefer B over it", 0.0), ("neither", 0.5), ("", 0.5)],
)
def test_an_answer_in_words_is_read(text, expected):
    assert _read(text, ("A", "B")) == expected


def group(texts):
    """Completions of one problem; those that hold `right` are."""
    problem = Problem("1 + 1?", "2")

    def row(uid, text):
        verdict = Verdict(Outcome.CORRECT if "right" in text else Outcome.WRONG, float("right" in text))
        return Trajectory(uid, problem, (1,), Completion((uid,), (0.0,), text, FinishReason.STOP), verdict)

    return Group(problem, tuple(row(i, text) for i, text in enumerate(texts)))


def test_agreement_with_the_verifier_is_measured():
    def answer(text):
        first, second = text.split("Solution B:") if "Solution B:" in text else (text, "")
        return 1.0 if "right" in first and "right" not in second else 0.0

    judge, _ = judge_with(answer)
    groups = [group([f"right {i}", f"bad {i}"]) for i in range(20)]
    labelled, report = collect_comparisons(groups, judge, 20, random.Random(0))
    assert report.agreement == 1.0
    assert {c.annotator for c in labelled} == {"model never loaded"}
    contrary, _ = judge_with(lambda text: 1 - answer(text))
    assert collect_comparisons(groups, contrary, 20, random.Random(0))[1].agreement == 0.0


def test_the_model_is_named_in_a_config_and_loaded_only_when_it_is_asked():
    judge = make_annotator("model", endpoint="http://127.0.0.1:9/v1", model="m")
    assert judge.name == "model m"
    with pytest.raises(ValueError, match="one of `policy`"):
        make_annotator("model")
    with pytest.raises(ValueError, match="one of `policy`"):
        make_annotator("model", policy="p", endpoint="http://x/v1", model="m")
    with pytest.raises(ValueError, match="needs `model`"):
        make_annotator("model", endpoint="http://x/v1")


def test_a_policys_probability_is_the_softmax_of_its_two_answers(tmp_path):
    import torch

    from policies.tiny import TinyConfig, build_tiny

    policy = build_tiny(TinyConfig(layers=1, hidden=32, heads=2, context=512), vocabulary=None, seed=0)
    policy.save(tmp_path)
    judge = ModelJudge(policy=str(tmp_path))
    found = judge._reader().probabilities([("AB", ("A", "B"))])[0]
    prompt = policy.encode([{"role": "user", "content": "AB"}])
    with torch.no_grad():
        row = policy.model(input_ids=torch.tensor([prompt])).logits[0, -1]
    a, b = (float(row[policy.encode_completion(letter)[0]]) for letter in "AB")  # a token is a character
    assert found == pytest.approx(math.exp(a) / (math.exp(a) + math.exp(b)), abs=1e-5)


def test_what_an_endpoint_took_is_told():
    judge = ModelJudge(endpoint="http://127.0.0.1:9/v1", model="m")
    assert judge.spent() == ""
    judge._readers.append(
        SimpleNamespace(client=SimpleNamespace(endpoint=None, spent=SimpleNamespace(told=lambda _: "3")))
    )
    assert judge.spent() == "3"
