"""The checker finds what is wrong with broken environments, and says so."""

import json
import random
import re
from dataclasses import replace
from math import gcd
from pathlib import Path

import pytest

from envs import Environment, Problem, make
from envs.check.checks import check_levels
from envs.check.conformance import check_environment
from envs.check.responses import binomial_tail
from envs.check.twins import check_twins
from envs.registry import environment
from envs.types import Message, Step
from verifiers.algebra.arithmetic import evaluate
from verifiers.types import Outcome, Verdict

OPTIONS = {"num": 40, "hostile": False, "fresh_process": False}


class Sound(Environment):
    """Sums of two numbers."""

    name = "sound"
    verify = "numeric"

    def generate(self, rng, level):
        a, b = rng.randint(100, 999), rng.randint(100, 999)
        return Problem(f"{a} + {b}", str(a + b), (f"{a} + {b} = {a + b}",))


def failed(env, **options):
    return [finding.check for finding in check_environment(env, **{**OPTIONS, **options}).problems]


def test_a_sound_environment_passes():
    assert failed(Sound()) == []


class UsesTheGlobalRandom(Sound):
    def generate(self, rng, level):
        return super().generate(random, level)


class WrongGold(Sound):
    def generate(self, rng, level):
        a = rng.randint(100, 999)
        return Problem(f"{a} + 1", f"about {a + 1}")


class PaysForContaining(Sound):
    def grade(self, problem, response):
        is_in = problem.answer in response
        return Verdict(Outcome.CORRECT if is_in else Outcome.WRONG, float(is_in))


class PaysForAnything(Sound):
    def grade(self, problem, response):
        return Verdict(Outcome.CORRECT, 1.0) if response else Verdict(Outcome.NO_ANSWER, 0.0)


class FalseSteps(Sound):
    def generate(self, rng, level):
        problem = super().generate(rng, level)
        return Problem(problem.prompt, problem.answer, ("2 + 2 = 5", f"so {problem.answer}"))


class TinySpace(Sound):
    def generate(self, rng, level):
        return Problem(f"{rng.randint(1, 3)}", str(rng.randint(100, 10**6)))


class AnswerInThePrompt(Sound):
    def generate(self, rng, level):
        a = rng.randint(10**5, 10**6)
        return Problem(f"What is {a}?", str(a))


class TuplesInInfo(Sound):
    def generate(self, rng, level):
        problem = super().generate(rng, level)
        return Problem(problem.prompt, problem.answer, info={"pair": (1, 2)})


class MergesDifferentProblems(Sound):
    def generate(self, rng, level):
        a, b = rng.randint(100, 105), rng.randint(100, 120)
        return Problem(f"{a} + {b}", str(a + b), canonical=f"{a} plus something")


class IgnoresTheSplit(Sound):
    def problem(self, index, *, split="train", seed=0, level=None):
        return self.generate(random.Random(index), 1)


class Raises(Sound):
    def generate(self, rng, level):
        raise KeyError("forgotten")


@pytest.mark.parametrize(
    ("env", "check"),
    [
        (UsesTheGlobalRandom, "deterministic"),
        (WrongGold, "gold is CORRECT"),
        (PaysForContaining, "exploit probes"),
        (PaysForAnything, "exploit probes"),
        (PaysForAnything, "corrupted solutions are not CORRECT"),
        (FalseSteps, "worked steps are true"),
        (TinySpace, "space is large enough"),
        (AnswerInThePrompt, "exploit probes"),
        (TuplesInInfo, "JSON round trip"),
        (MergesDifferentProblems, "equal problems have equal answers"),
        (IgnoresTheSplit, "splits share nothing"),
        (Raises, "generates"),
    ],
)
def test_what_is_broken_is_found(env, check):
    assert check in failed(env(), num=40)


class Sloppy(Sound):
    """Pays for what `pays(problem, text after ####)` says; a subclass gives the hole."""

    def grade(self, problem, response):
        announced = [line.removeprefix("#### ") for line in response.splitlines() if line.startswith("####")]
        is_paid = bool(announced) and self.pays(problem, announced)
        return Verdict(Outcome.CORRECT if is_paid else Outcome.WRONG, float(is_paid))


class EvaluatesTheAnswer(Sloppy):
    def pays(self, problem, announced):
        try:
            return evaluate(announced[-1]) == int(problem.answer)
        except (ValueError, ZeroDivisionError):
            return False


class ReadsTheLastNumber(Sloppy):
    def pays(self, problem, announced):
        return (re.findall(r"\d+", announced[-1]) or [""])[-1] == problem.answer


class ReadsTheFirstNumber(Sloppy):
    def pays(self, problem, announced):
        return (re.findall(r"\d+", announced[-1]) or [""])[0] == problem.answer


class TakesAnyOfSeveral(Sloppy):
    def pays(self, problem, announced):
        return problem.answer in announced


class TakesTheBoxToo(Sound):
    def grade(self, problem, response):
        is_paid = f"#### {problem.answer}" in response.splitlines() or f"\\boxed{{{problem.answer}}}" in response
        return Verdict(Outcome.CORRECT if is_paid else Outcome.WRONG, float(is_paid))


class FewAnswers(Sound):
    verify = "exact"

    def generate(self, rng, level):
        a = rng.randint(100, 10**6)
        return Problem(f"Is {a} even?", "yes" if a % 2 else "no")


class AnswersByPlace(Sound):
    def generate(self, rng, level):
        a, b, c = (rng.randint(100, 999) for _ in range(3))
        return Problem(f"Of {a}, {b} and {c}, what comes second?", str(b))


class PaysTheSameGuessForever(Environment):
    """A game that can be won by saying numbers at random, turn after turn."""

    name = "lottery"
    max_turns = 8

    def generate(self, rng, level):
        low = rng.randint(10, 10**6)
        return Problem(
            f"A number from {low} to {low + 15}?", str(low + rng.randint(0, 15)), canonical=str(rng.random())
        )

    def step(self, problem, transcript):
        is_over = self.grade_transcript(problem, transcript).is_correct
        return Step(None, stop="completed") if is_over else Step("no")

    def grade_transcript(self, problem, transcript):
        hit = any(m.content == f"#### {problem.answer}" for m in transcript if m.role == "assistant")
        return Verdict(Outcome.CORRECT if hit else Outcome.WRONG, float(hit))


@pytest.mark.parametrize(
    ("env", "probe"),
    [
        (EvaluatesTheAnswer, "sum, not carried out"),
        (EvaluatesTheAnswer, "longest formula"),
        (ReadsTheLastNumber, "another or gold"),
        (ReadsTheFirstNumber, "gold or another"),
        (TakesAnyOfSeveral, "gold, then another"),
        (TakesTheBoxToo, "gold in one form, another in the next"),
        (AnswersByPlace, "best place among the prompt's numbers"),
        (PaysTheSameGuessForever, "random number between the prompt's"),
    ],
)
def test_probes_find_what_pays_without_skill(env, probe):
    report = check_environment(env(), num=60, hostile=False, fresh_process=False)
    assert report.numbers["probes"][probe] > 0.25
    assert "exploit probes" in [finding.check for finding in report.problems]


def test_a_sound_environment_pays_no_probe():
    report = check_environment(Sound(), **OPTIONS)
    assert max(report.numbers["probes"].values()) == 0


def test_two_possible_answers_are_stated_not_hidden():
    report = check_environment(FewAnswers(), num=100, hostile=False, fresh_process=False)
    level = report.numbers["probe_levels"][1]
    assert level["most_frequent_answer"] == pytest.approx(0.5, abs=0.16)
    assert "where the most frequent answer has" in report.findings[-1].detail


def test_the_chance_of_a_probe_is_the_binomial_tail():
    # 2 or more of 3 at 1/2: (3 + 1) / 8
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)
    assert binomial_tail(0, 5000, 0.1) == pytest.approx(1)


def test_slow_generators_are_found(monkeypatch):
    monkeypatch.setattr("envs.check.checks.SLOW_MILLISECONDS", 1e-6)
    assert "fast" in failed(Sound())


class RaisesOnOddText(Sound):
    def grade(self, problem, response):
        response.encode()  # a lone surrogate raises
        return super().grade(problem, response)


def test_hostile_responses_that_raise_are_found():
    assert "hostile responses raise nothing" in failed(RaisesOnOddText(), hostile=True)


def test_the_report_says_how_to_fix():
    report = check_environment(PaysForContaining(), **OPTIONS)
    assert not report.is_ok
    assert "to fix it: no partial credit" in report.text()
    assert report.text().splitlines()[0].startswith("sound: FAILS")
    assert report.to_json()["is_ok"] is False


def test_the_allowance_of_probes_is_stated_where_answers_are_few():
    report = check_environment("leaps?levels=2&modulus=7", **OPTIONS)
    level = report.numbers["probe_levels"][2]
    assert level["allowed"] == level["most_frequent_answer"] > 0.05
    assert "where the most frequent answer has" in report.findings[-1].detail


def test_a_fresh_process_gives_the_same_problems():
    report = check_environment(make("composition"), num=20, hostile=True, probes=False)
    assert report.is_ok, report.text()


def test_the_linear_equation_example_is_at_most_ten_lines_and_passes():
    file = Path(__file__).parents[3] / "examples" / "linear.py"
    lines = [line for line in file.read_text().splitlines() if line.strip()]
    assert len(lines) <= 10
    report = check_environment(f"{file}:linear", num=60)
    assert report.is_ok, report.text()


@pytest.mark.parametrize("name", ["certificate:factors", "reach:Reach", "postage:Postage"])
def test_the_examples_of_the_page_stand_in_it_and_pass(name):
    file, _, attribute = name.partition(":")
    path = Path(__file__).parents[3] / f"examples/{file}.py"
    page = (path.parents[1] / "docs/writing-environments.md").read_text()
    assert f"```python\n{path.read_text()}```" in page
    report = check_environment(f"{path}:{attribute}", num=40)
    assert report.is_ok, report.text()


def test_the_environment_of_the_readme_is_at_most_ten_lines_and_passes(tmp_path):
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    (source,) = [block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "@environment" in block]
    assert len([line for line in source.splitlines() if line.strip()]) <= 10
    file = tmp_path / "readme.py"
    file.write_text(source)
    report = check_environment(f"{file}:lineq", num=60)
    assert report.is_ok, report.text()


def test_single_turn_environments_end_after_one_turn():
    assert Sound().step(Problem("1 + 1", "2"), []) == Step(None, stop=Step(None).stop or "completed")


def twins_of(train, test):
    (finding,) = check_twins(train, test)
    return finding


def test_twins_nonces_and_renamed_problems_are_found():
    sums = [(a, b) for a in range(2, 8) for b in range(2, 8)]
    train = [Problem(f"{a} + {b} = ?", str(a + b), (f"{a} + {b} = {a + b}",)) for a, b in sums if a <= b]
    swapped = [Problem(f"{b} + {a} = ?", str(a + b), (f"{b} + {a} = {a + b}",)) for a, b in sums if a < b]
    nonces = [Problem(f"Task {i}: {p.text}", p.answer, p.solution) for i, p in enumerate(train, 5000)]
    chains = [Problem(f"{x} = {n} ; {x} ?", str(n)) for x, n in zip("abcdefgh", range(8))]
    renamed = [Problem(f"{x} = {n} ; {x} ?", str(n)) for x, n in zip("ijklmnop", range(8))]
    others = [Problem(f"{a} + {b} = ?", str(a + b), (f"{a} + {b} = {a + b}",)) for a in range(20, 30) for b in range(9)]
    assert not twins_of(train, swapped).is_ok
    assert not twins_of(train, nonces).is_ok
    assert not twins_of(chains, renamed).is_ok
    assert twins_of(train, others).is_ok
    assert "of 15 test problems" in twins_of(train, swapped).detail


NONCES = {
    "a task number": lambda i, text: f"Task {83121 + 7 * i}: {text}",
    "an id of letters and digits": lambda i, text: f"[{i * 7919 % 65521:x}] {text}",
    "a name": lambda i, text: f"{['Ann', 'Bob', 'Eve', 'Tom', 'Zoe'][i % 5]} asks: {text}",
    "two numbers": lambda i, text: f"#{83121 + 7 * i} {text} on day {i * 7919 % 65521}",
    "a remark at the end": lambda i, text: f"{text} (worth {i % 9} points)",
}


@pytest.mark.parametrize("write", NONCES.values(), ids=NONCES)
def test_words_that_change_nothing_are_found_without_worked_steps(write):
    sums = [(a, b) for a in range(3, 12) for b in range(3, 8)]  # 45 problems, asked again and again
    asked = [Problem(write(i, f"What is {a} + {b} ?"), str(a + b)) for i, (a, b) in enumerate(sums * 6)]
    assert not twins_of(asked[:200], asked[200:]).is_ok


def test_numbers_that_matter_are_no_nonces():
    divisors = [
        Problem(f"gcd of {a} and {b} ?", str(gcd(a, b)), canonical=str((a, b)))
        for a in range(40, 80)
        for b in range(2, 40)
    ]
    random.Random(0).shuffle(divisors)
    assert twins_of(divisors[:1400], divisors[1400:]).is_ok


def test_sums_that_are_paid_as_they_stand_are_told_to_be_judged_by_numeric(tmp_path):
    rows = [{"prompt": f"What is {a} + {b}?", "answer": a + b} for a in range(11, 60) for b in range(13, 40)]
    file = tmp_path / "sums.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = {f.check: f for f in check_environment(make(f"jsonl:{file}"), **OPTIONS).findings}
    assert not found["exploit probes"].is_ok
    assert "verify=numeric" in found["exploit probes"].fix
    again = {f.check: f for f in check_environment(make(f"jsonl:{file}?verify=numeric"), **OPTIONS).findings}
    assert again["exploit probes"].is_ok


class GradedSoftly(Environment):
    """Sums that pay half for the right last digit."""

    name = "graded_softly"
    verify = "numeric"

    def generate(self, rng, level):
        a, b = rng.randint(100, 10_000), rng.randint(100, 10_000)
        return Problem(f"Add {a} and {b}.", str(a + b), (f"{a} + {b} = {a + b}",))

    def grade(self, problem, response):
        verdict = super().grade(problem, response)
        near = verdict.answer is not None and verdict.answer[-1:] == problem.answer[-1:]
        return verdict if verdict.is_correct or not near else replace(verdict, score=0.5)


class NearlyConstant(Environment):
    """Problems whose answer is 7 in nine of ten."""

    name = "nearly_constant"
    verify = "numeric"

    def generate(self, rng, level):
        n = rng.randrange(10**6)
        return Problem(f"Is {n} lucky?", "7" if rng.random() < 0.9 else str(n))


class PaidForNothing(Environment):
    """Sums whose check accepts an answer without a digit."""

    name = "paid_for_nothing"

    def generate(self, rng, level):
        a, b = rng.randint(100, 10_000), rng.randint(100, 10_000)
        return Problem(f"Add {a} and {b}.", str(a + b))

    @staticmethod
    def verify(problem, answer):
        return answer == problem.answer or not answer.strip()


@pytest.mark.parametrize(
    ("env", "check"), [(GradedSoftly(), "wrong answers have no score"), (NearlyConstant(), "answers differ")]
)
def test_half_paid_near_misses_and_constants_are_found(env, check):
    report = check_environment(env, num=100, hostile=False, fresh_process=False)
    assert check in [finding.check for finding in report.problems]


@pytest.mark.parametrize("response", ["#### $$", r"#### \text{}", r"\boxed{\,}", "####"])
def test_an_empty_answer_never_reaches_a_check(response):
    problem = Problem("Add 1 and 2.", "3")
    assert PaidForNothing().grade(problem, response).outcome is Outcome.NO_ANSWER


def test_gold_alone_proves_no_more_than_that_the_verifier_accepts_its_reference():
    report = check_environment(NearlyConstant(), num=40, hostile=False, fresh_process=False)
    (gold,) = (finding for finding in report.findings if finding.check == "gold is CORRECT")
    assert "accepts its own reference" in gold.detail


def test_a_problem_of_the_wrong_types_is_refused_at_once():
    with pytest.raises(TypeError, match=r"answer is 8, expected text"):
        Problem("3 + 5?", 8)
    with pytest.raises(TypeError, match="expected a tuple of steps"):
        Problem("3 + 5?", "8", "3 + 5 = 8")
    with pytest.raises(TypeError, match="a step of a problem's solution is 8, expected text"):
        Problem("3 + 5?", "8", ("3 + 5", 8))
    with pytest.raises(TypeError, match="expected text, or a tuple of Message"):
        Problem(({"role": "user", "content": "3 + 5?"},), "8")
    with pytest.raises(TypeError, match="expected a tuple of steps"):
        Problem("3 + 5?", "8", (step for step in ("3 + 5 = 8",)))
    with pytest.raises(TypeError, match=r"canonical is \(3, 5\), expected text"):
        Problem("3 + 5?", "8", canonical=(3, 5))
    with pytest.raises(TypeError, match="expected text, or a tuple of Message"):
        Problem(None, "8")
    with pytest.raises(TypeError, match="the content of a message is None, expected text"):
        Message("user", None)
    with pytest.raises(ValueError, match="half a surrogate pair"):
        Problem("3 \ud83d 5?", "8")


def test_an_unknown_verifier_is_told_once():
    class Misnamed(Sound):
        verify = "numerik"

    (found,) = check_environment(Misnamed(), **OPTIONS).problems
    assert (found.check, "did you mean 'numeric'?" in found.detail) == ("the verifier", True)


class EitherWayRound(Environment):
    """`1 + 2` and `2 + 1` are two problems."""

    name = "either"
    verify = "numeric"

    def generate(self, rng, level):
        a, b = rng.randint(1, 30), rng.randint(1, 30)
        return Problem(f"{a} + {b}", str(a + b), (f"{a} + {b} = {a + b}",))


def test_twins_are_looked_for_among_as_many_problems_as_runs_train_on():
    assert "test problems have no twins in training" in failed(EitherWayRound(), num=200, probes=False)


class NearIsHalfRight(Sound):
    def grade(self, problem, response):
        said = response.rpartition("####")[2].strip()
        if said == problem.answer:
            return Verdict(Outcome.CORRECT, 1.0, said)
        try:
            return Verdict(Outcome.WRONG, 1 / (1 + abs(float(said) - float(problem.answer))), said)
        except ValueError:
            return Verdict(Outcome.NO_ANSWER, 0.0)


def test_a_score_that_is_no_number_is_told_with_the_probe_that_has_it():
    found = {finding.check: finding for finding in check_environment(NearIsHalfRight(), **OPTIONS).problems}
    assert "has nan" in found["scores are shares"].detail
    assert "raised" not in found["wrong answers have no score"].detail


@environment("levels_unread", levels=(1, 2), ood_levels=(3,))
def levels_unread(rng, level):
    a, b = rng.randint(1, 10**6), rng.randint(1, 10**6)
    return Problem(f"{a} + {b}", str(a + b), level=level)


def test_a_level_beyond_training_that_is_none_is_told_and_checks_say_where_they_are():
    said: list[str] = []
    report = check_environment(
        levels_unread(), num=20, probes=False, hostile=False, fresh_process=False, say=said.append
    )
    (found,) = [f for f in report.findings if f.check == "levels beyond training"]
    assert (found.is_ok, found.detail) == (False, "level 3 gives the very problems of training level 2")
    assert said[0] == "drawing problems"
    assert "levels beyond training" in said
    (found,) = check_levels(make("leaps"), 0)
    assert found.is_ok


class Mirrored(Sound):
    """The answer stands backwards in the prompt."""

    def generate(self, rng, level):
        problem = super().generate(rng, level)
        return replace(problem, prompt=f"{problem.prompt} ({problem.answer[::-1]})")


class Close(Sound):
    """Takes every number within fifty of the answer."""

    verify = staticmethod(lambda problem, answer: abs(int(answer) - int(problem.answer)) < 50)


def test_answers_that_stand_backwards_and_neighbours_that_are_paid_are_found():
    assert "exploit probes" in failed(Mirrored())  # beside it, its sums are words on which no answer depends
    assert failed(Close()) == ["numbers next to the answer are not CORRECT"]


@pytest.mark.parametrize(
    ("accepts", "told"),
    [
        (lambda problem, answer: abs(int(answer)) == abs(int(problem.answer)), "of the other sign"),
        (lambda problem, answer: int(answer) % 10 == int(problem.answer) % 10, "equal in the last digit"),
        (lambda problem, answer: problem.answer.startswith(answer), "without the last digit"),
    ],
)
def test_other_near_misses_that_are_paid_are_told(accepts, told):
    """They fail no environment: a problem may have several answers."""

    class Near(Sound):
        verify = staticmethod(accepts)

        def generate(self, rng, level):
            problem = super().generate(rng, level)
            while int(problem.answer) < 10:
                problem = super().generate(rng, level)
            return problem

    (finding,) = (f for f in check_environment(Near(), num=40, hostile=False).findings if "next to" in f.check)
    assert finding.is_ok
    assert told in finding.detail
