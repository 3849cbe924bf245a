"""What a plug-in should test: that its environment keeps its promises."""

from envs import make
from envs.check.conformance import check_environment


def test_clock_arithmetic_passes_the_check():
    report = check_environment("clock_arithmetic", num=50)
    assert report.is_ok, report.text()


def test_clock_arithmetic_by_hand():
    env = make("clock_arithmetic")
    problem = env.problem(0)
    assert env.grade(problem, f"#### {problem.answer}").is_correct
