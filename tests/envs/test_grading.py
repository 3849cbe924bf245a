"""Verdicts of environments: announced answers, worked sums, checks that read untrusted text."""

import pickle

import pytest

from envs import Message, Problem, make
from envs.builtin import PROCEDURAL
from envs.graders import EnvGrader
from envs.grading import make_verifier
from verifiers.judges.steps import StepsVerifier
from verifiers.types import Outcome, Reason, StepVerdict, Verdict

FALSE_LINES = (
    "$9 * 2 = $20",
    r"7 \times 8 = 54",
    "3 + 5 = 9.",
    "2(3 + 4) = 15",
    "50% * 10 = 6",
    "3 x 4 = 13 apples",
    "1,000 + 250 = 1,350",
    "So x = 24 / 3 = 9 in all",
    r"\(\frac{1}{2} + \frac{1}{3} = \frac{2}{5}\)",
    "- 12 + 5 = 18",
    "2. 12 + 5 = 18",
    "**12 + 5 = 18**",
    "2^{10} = 1025",
    "17 mod 5 = 3",
    "3 times 4 = 13",
)
TRUE_NEIGHBOURS = (
    "$9 * 2 = $18",
    r"7 \times 8 = 56",
    "3 + 5 = 8.",
    "2(3 + 4) = 14",
    "50% * 10 = 5",
    "3 x 4 = 12 apples",
    "1,000 + 250 = 1,250",
    "So x = 24 / 3 = 8 in all",
    r"\(\frac{1}{2} + \frac{1}{3} = \frac{5}{6}\)",
    "- 12 + 5 = 17",
    "2. 12 + 5 = 17",
    "**12 + 5 = 17**",
    "2^{10} = 1024",
    "17 mod 5 = 2",
    "3 times 4 = 12",
)
PATHS = {  # every way on which a written solution comes to its judge
    "a verifier by name": lambda response: make("arithmetic_chain").grade(Problem("", "22"), response),
    "a check": lambda response: make("countdown").grade(
        Problem("", "", info={"numbers": [3, 5, 7], "target": 22, "use_all": True}), response
    ),
    "the verifier of steps": lambda response: StepsVerifier("numeric").verify(response, "22"),
    "an environment with that verifier": lambda response: _sums_by_steps().grade(Problem("", "22"), response),
    "the last turn of a conversation": lambda response: make("arithmetic_chain").grade_transcript(
        Problem("", "22"),
        [Message("assistant", "let me see"), Message("tool", "go on"), Message("assistant", response)],
    ),
}


def _sums_by_steps():
    env = make("arithmetic_chain")
    env.verify = {"name": "steps", "answer": "numeric"}
    return env


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("false", "true"), zip(FALSE_LINES, TRUE_NEIGHBOURS))
def test_a_false_line_is_found_on_every_path_and_its_true_neighbour_is_not(path, false, true):
    wrong = PATHS[path](f"we begin\n{false}\n#### 22")
    right = PATHS[path](f"we begin\n{true}\n#### 22")
    assert [step.is_right for step in wrong.worked_steps] == [None, False]
    assert [step.is_right for step in right.worked_steps] == [None, True]
    assert wrong.first_wrong_step == 1
    assert wrong.solution_share == wrong.parts["solution"] == 0.0
    assert right.solution_share == right.parts["solution"] == right.parts["answer"]


def test_a_right_answer_after_a_false_sum_is_no_solution():
    env = make("arithmetic_chain")
    problem = Problem("Compute 12 + 5 * 2.", "22")
    sound = env.grade(problem, "5 * 2 = 10\n12 + 10 = 22\n#### 22")
    lucky = env.grade(problem, "5 * 2 = 10\n12 + 10 = 21\n#### 22")
    wrong = env.grade(problem, "5 * 2 = 11\n12 + 11 = 23\n#### 23")
    assert (sound.parts, sound.first_wrong_step) == ({"answer": 1.0, "solution": 1.0}, None)
    assert (lucky.parts, lucky.first_wrong_step) == ({"answer": 1.0, "solution": 0.0}, 1)
    assert (wrong.parts, wrong.first_wrong_step) == ({"answer": 0.0, "solution": 0.0}, 0)
    assert lucky.is_correct  # the answer decides; the solution is reported beside it


def test_a_wrong_answer_after_true_lines_is_a_wrong_conclusion():
    verdict = make("arithmetic_chain").grade(Problem("Compute 12 + 5 * 2.", "22"), "5 * 2 = 10\nso it is:\n#### 10")
    assert [(step.is_right, step.is_conclusion) for step in verdict.steps] == [
        (True, False),
        (None, False),
        (False, True),
    ]
    assert verdict.first_wrong_step == 2


def test_the_conclusion_is_where_the_answer_is_announced():
    problem, env = Problem("", "14"), make("arithmetic_chain")
    texts = {
        "7 * 2 = 14\n#### 14": "#### 14",
        "7 * 2 = 14. The answer is 14.": "14.",  # a line that makes a claim is a step, its end the conclusion
        r"\boxed{14}" + "\nCheck: 7 * 2 = 14": r"\boxed{14}",
    }
    for text, conclusion in texts.items():
        verdict = env.grade(problem, text)
        assert verdict.is_correct, text
        assert [text[slice(*step.span)] for step in verdict.steps if step.is_conclusion] == [conclusion]
        assert verdict.steps[-1].is_conclusion
        assert [step.is_right for step in verdict.steps] == [True, True]
    assert env.grade(problem, "7 * 2 = 14").steps[-1].is_conclusion is False  # nothing is announced


def test_a_verifier_that_fills_the_steps_is_left_alone():
    class Sized:
        """A verifier whose steps are its own."""

        def verify(self, response, answer):
            steps = (StepVerdict((0, 4), False, size=3), StepVerdict((5, 9), True, is_conclusion=True))
            return Verdict(Outcome.CORRECT, 1.0, answer, steps=steps)

    env = make("arithmetic_chain")
    env.verify = Sized()
    verdict = env.grade(Problem("", "1"), "2 + 2 = 4\n#### 1")
    assert [step.size for step in verdict.steps] == [3, 1]
    assert (verdict.first_wrong_step, verdict.parts) == (0, {"answer": 1.0, "solution": 0.0})


@pytest.mark.parametrize(
    ("name", "problem", "right", "wrong"),
    [
        (
            "countdown",
            Problem("", "", info={"numbers": [3, 5, 7], "target": 26, "use_all": True}),
            ["3 * 7 + 5", "5 + 7 * 3 = 26", r"$7 \times 3 + 5$"],
            ["26", "7 * 3 + 5 + 0", "3 * 7 + 3 + 2", "5 * 5 + 1", "3 * 7 + 5 = 27", "7 * 3"],
        ),
        (
            "gcd_bezout",
            Problem("", "", info={"numbers": [240, 46]}),
            ["-9, 47", "x = -9, y = 47", "14, -73"],  # 240 * -9 + 46 * 47 = 2; and x + 23, y - 120
            ["47, -9", "0, 0", "-9", "-9, 47, 0"],
        ),
        (
            "factorisation",
            Problem("", "", info={"number": 360}),
            ["2^3 * 3^2 * 5", "5 * 3 * 3 * 2 * 2 * 2"],
            ["360", "2 * 180", "4 * 90", "1 * 2^3 * 3^2 * 5", "2^3 * 3^2", "2^3 + 352"],
        ),
        (
            "polynomial_factoring",
            Problem("", "", info={"product": "x^2 - x - 6", "num_factors": 2}),
            ["(x - 3)(x + 2)", "(x+2)(x-3)", "-(3 - x)(x + 2)"],
            ["x^2 - x - 6", "(x - 3)(x - 2)", "(x^2 - x - 6)", "x(x - 1) - 6"],
        ),
        (
            "inequalities",
            Problem("", "(-inf, 2] U (5, inf)"),
            ["(5, inf) U (-inf, 2]", r"(-\infty, 2] \cup (5, \infty)"],
            ["(-inf, 2) U (5, inf)", "(-inf, 2]", "[5, 2]", "all"],
        ),
        (
            "antiderivatives",
            Problem("", "", info={"integrand": "2x"}),
            ["x^2", "x^2 + C", "x^2 - 7"],
            ["2x", "x^2 + x", "C"],
        ),
        ("quadratics", Problem("", "x = 3 or x = -1/2"), ["-1/2, 3", "x = 3 or x = -1/2"], ["3", "3, 1/2", "3, 3"]),
        ("division", Problem("", "3 remainder 4"), ["3 remainder 4", "3, 4"], ["3", "4 remainder 3"]),
        ("unit_conversion", Problem("", "5/2 metres"), ["5/2 metres", "5/2 meters"], ["5/2", "5/2 feet", "2 metres"]),
        ("lengths", Problem("", "5*sqrt(3)"), ["sqrt(75)", r"5\sqrt{3}"], ["8.66", "sqrt(5)", "5*3"]),
    ],
)
def test_certificates_accept_every_right_form_and_no_wrong_one(name, problem, right, wrong):
    env = make(name)
    for answer in right:
        assert env.grade(problem, f"#### {answer}").is_correct, answer
    for answer in wrong:
        assert not env.grade(problem, f"#### {answer}").is_correct, answer


def test_answers_count_where_they_are_announced_and_once():
    env, problem = make("sums"), Problem("", "12")
    assert env.grade(problem, r"so \boxed{12}").is_correct
    assert env.grade(problem, "so 12").outcome is Outcome.NO_ANSWER
    assert env.grade(problem, "12").is_correct  # nothing but the answer
    assert (
        env.grade(problem, "#### 12\n#### 13").reason is Reason.SEVERAL_ANSWERS
        or not env.grade(problem, "#### 12\n#### 13").is_correct
    )
    assert env.grade(problem, "#### 13\n#### 12").reason is Reason.SEVERAL_ANSWERS


def test_a_check_has_no_verifier_of_its_own():
    with pytest.raises(TypeError, match="together with its problem"):
        make_verifier(lambda problem, answer: True)


@pytest.mark.parametrize("name", PROCEDURAL)
def test_no_step_of_an_environments_own_solutions_is_called_wrong(name):
    env = make(name)
    if env.max_turns > 1:
        pytest.skip(f"{name} is played in turns")
    for level in env.levels:
        for index in range(5):
            problem = env.problem(index, level=level)
            verdict = env.grade(problem, env.render_solution(problem.solution, problem.answer))
            wrong = [step.detail for step in verdict.steps if step.is_right is False]
            assert (wrong, verdict.solution_share) == ([], 1.0), problem
            assert verdict.steps[-1].is_conclusion


@pytest.mark.parametrize(
    ("response", "strict", "lenient"),
    [
        ("16 - 7 = 9, and 9 * 2 = 18.\n#### 18", True, True),
        ("16 - 7 = 9, and 9 * 2 = 18 dollars a day.", False, True),
        ("#### 17\nNo:\n#### 18", False, True),
        ("She makes 18 dollars from 9 eggs.", False, False),
        ("No idea.", False, False),
    ],
)
def test_leniently_the_last_number_of_a_text_is_its_answer(tmp_path, response, strict, lenient):
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text('{"question": "How much a day?", "answer": "9 * 2 = 18\\n#### 18"}\n')
    env = make("gsm8k", folder=str(tmp_path), validation=0)
    problem = env.problem(0, split="test")
    judges = pickle.loads(pickle.dumps([EnvGrader(env.spec), EnvGrader(env.spec, leniently=True)]))
    assert [judge((problem, response)).is_correct for judge in judges] == [strict, lenient]


def test_leniently_any_of_several_accepted_answers_will_do(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"prompt": "A root of x^2 = 4?", "answer": ["2", "-2"]}\n')
    env = make(f"jsonl:{tmp_path / 'rows.jsonl'}", verify="numeric").leniently()
    verdicts = [env.grade(env.all_problems("train", 1)[0], text) for text in ("It is -2, I think.", "It is 3.")]
    assert [verdict.is_correct for verdict in verdicts] == [True, False]


@pytest.mark.parametrize("name", ["leaps", "gcd_bezout"])
def test_a_judge_without_a_lenient_mode_has_none(name):
    assert make(name).leniently() is None


def test_a_lenient_judge_has_none_more_lenient():
    assert make("addition").leniently().leniently() is None
