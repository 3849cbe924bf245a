"""Does an environment keep its promises? `check_environment` says what is wrong and how to fix it.

Each check has bitten somebody: seeds that are ignored, splits that leak, gold answers that their own scorer rejects,
scorers that pay for nothing, spaces of problems too small to learn from. Nothing here needs a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from envs.check import checks, drawing
from envs.check import responses as check_responses
from envs.check.report import EnvReport, Finding
from envs.environment import Environment
from envs.registry import make
from envs.types import EnvSpec

__all__ = ["EnvReport", "Finding", "check_environment"]


def check_environment(
    env: Environment | EnvSpec | str,
    *,
    num: int = 200,
    seed: int = 0,
    probes: bool = True,
    hostile: bool = True,
    fresh_process: bool = True,
    say: Callable[[str], None] = lambda name: None,
) -> EnvReport:
    """Checks an environment as far as that is possible without a model.

    Args:
        env: an environment, its spec or a reference.
        num: problems per level and split.
        seed: of the stream of problems.
        probes: run the exploit probes.
        hostile: grade hostile responses, in a process that is killed when it does not come back.
        fresh_process: compare with problems made in a new process (needs `env.spec`).
        say: told what begins: the drawing of problems, then the name of each check.
    """
    if not isinstance(env, Environment):
        env = make(env)
    report = EnvReport(env.name or type(env).__name__)
    if isinstance(env.verify, str | Mapping):
        try:
            env.verifier  # noqa: B018  # made at its first use, and kept
        except (ValueError, TypeError) as error:
            fix = "give `verify` the name of a verifier, its settings, a verifier, or a function (problem, answer)"
            report.findings.append(Finding("the verifier", False, str(error), fix))
            return report
    say("drawing problems")
    try:
        drawn = {level: drawing.draw(env, num, seed, level) for level in (*env.levels, *env.ood_levels)}
    except Exception as error:  # whatever an author's generator raises is a finding, not our failure
        detail = f"{type(error).__name__}: {error}"
        report.findings.append(
            Finding("generates", False, detail, "see the error; generate(rng, level) must not raise")
        )
        return report
    counts = ", ".join(str(level) for level in drawn)
    report.findings.append(Finding("generates", True, f"{num} problems at each level {counts}"))
    if notes := env.notes():
        report.findings.append(Finding("the data", True, "; ".join(notes)))
    tests: dict[str, Callable[[], Iterator[Finding]]] = {
        "deterministic": lambda: drawing.check_deterministic(env, drawn, seed, fresh_process),
        "round trips": lambda: drawing.check_round_trip(env, drawn),
        "splits": lambda: checks.check_splits(env, drawn, num, seed, report),
        "speed": lambda: checks.check_speed(env, seed, report),
    }
    if env.ood_levels:
        tests["levels beyond training"] = lambda: checks.check_levels(env, seed)
    if env.has_reference:
        tests["gold is CORRECT"] = lambda: checks.check_gold(env, drawn)
        tests["corrupted solutions"] = lambda: checks.check_corrupted(env, drawn, seed)
        tests["worked steps"] = lambda: checks.check_steps(drawn)
        tests["demonstrator"] = lambda: checks.check_demonstrator(env, drawn, seed)
    else:
        detail = "not tried: the environment pays, but gives no reference answers and no solutions"
        report.findings.append(Finding("gold and demonstrations", True, detail))
    if hostile:
        tests["hostile responses"] = lambda: check_responses.check_hostile(env, drawn)
    if probes:
        tests["exploit probes"] = lambda: check_responses.check_probes(env, drawn, seed, report)
    for name, check in tests.items():
        say(name)
        try:
            report.findings += check()
        except Exception as error:  # raised by the author's code: it is the finding, and the other checks go on
            detail = f"raised {type(error).__name__}: {error}"
            report.findings.append(
                Finding(name, False, detail, "grade, corrupt, demonstrator and single_step_problem must not raise")
            )
    return report
