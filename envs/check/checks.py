"""The single checks of `envs.check.conformance`: each yields findings, and writes its measurements into the report."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from envs.check.drawing import FEW
from envs.check.report import EnvReport, Finding
from envs.check.twins import check_twins
from envs.demonstrators.base import ConversationDemonstrator, StepDemonstrator
from envs.environment import Environment
from envs.turns import spoken
from envs.types import SPLITS, Message, Problem
from verifiers.algebra.claims import claims_of
from verifiers.types import Outcome, Verdict

SLOW_MILLISECONDS = 5.0
MIN_SPACE = 300  # problems of a level, of which one in twenty is for testing
MIN_PAIRS = 3  # equal problems among those drawn, from which on the estimate of the space is taken seriously
CLOSE_SHARE = 0.9  # of the problems: so many take both neighbours of their answer where it is hardly compared
TWIN_FACTOR = 10  # training problems for each of a level that is tested, among which its twins are looked for
TWIN_SECONDS = 3.0  # of processor time for drawing them, all levels together
MIN_CORRUPTED = 0.5  # share of problems with worked answers of which a wrong solution must be found


def check_gold(env: Environment, drawn: dict[int, list[Problem]]) -> Iterator[Finding]:
    """The environment's own solutions are CORRECT."""
    total = sum(map(len, drawn.values()))
    wrong: list[tuple[Problem, Verdict]] = []
    for problem in (problem for group in drawn.values() for problem in group):
        verdict = _gold_verdict(env, problem)
        if not verdict.is_correct or verdict.score != 1:
            wrong.append((problem, verdict))
    detail = f"{total - len(wrong)} of {total}"
    if not any("=" in step for group in drawn.values() for problem in group for step in problem.solution):
        detail += ": the verifier accepts its own reference; no sum in a worked step proves it right"
    if wrong:
        problem, verdict = wrong[0]
        detail += f"; e.g. {problem.text!r} -> {problem.answer!r}: {verdict.outcome}, {verdict.detail}"
    fix = "verify and render_solution must agree on how an answer is written; look at the example"
    yield Finding("gold is CORRECT", not wrong, detail, fix)
    yield _check_twins(env, [problem for group in drawn.values() for problem in group])


def _check_twins(env: Environment, problems: Sequence[Problem]) -> Finding:
    """Problems of one identity accept each other's answers."""
    first: dict[str, Problem] = {}
    num_twins = 0
    apart: list[tuple[Problem, Problem]] = []
    for problem in problems:
        other = first.setdefault(problem.id, problem)
        if other is problem or env.source_env(problem).max_turns > 1:
            continue
        num_twins += 1
        if (
            other.answer != problem.answer
            and not env.grade(
                other, env.source_env(problem).render_solution(problem.solution, problem.answer)
            ).is_correct
        ):
            apart.append((other, problem))
    detail = f"{len(apart)} of {num_twins} repeated problems have answers that the first does not accept"
    if apart:
        detail += f"; e.g. {apart[0][0].text!r} and {apart[0][1].text!r}"
    fix = "Problem.canonical must hold all that the answer depends on"
    return Finding("equal problems have equal answers", not apart, detail, fix)


def _gold_verdict(env: Environment, problem: Problem) -> Verdict:
    """The verdict on the worked solution; where there are several turns, it is played and must read what it expects."""
    source = env.source_env(problem)
    if source.max_turns == 1:
        return env.grade(problem, source.render_solution(problem.solution, problem.answer))
    transcript = StepDemonstrator(source).transcript(problem, random.Random(0))
    if told := unexpected(source, problem, transcript):
        return Verdict(Outcome.WRONG, 0.0, detail=told)
    return env.grade_transcript(problem, transcript)


def unexpected(env: Environment, problem: Problem, transcript: Sequence[Message]) -> str:
    """What the environment said otherwise than the worked turns expect when they were played; empty if nothing."""
    expected = [reply for _, reply in spoken(env, problem, problem.solution, problem.answer) if reply]
    said = sum(message.role == "assistant" for message in transcript)
    if said > env.max_turns:
        return f"the worked solution takes {said} turns, and max_turns is {env.max_turns}"
    read = [message.content for message in transcript if message.role == "tool"]
    return "" if read == expected[: len(read)] else f"the worked turns expect {expected}, the environment says {read}"


def check_corrupted(env: Environment, drawn: dict[int, list[Problem]], seed: int) -> Iterator[Finding]:
    """Solutions that were spoiled on purpose exist, and are not CORRECT."""
    rng = random.Random(seed)
    tried = found = paid = scored = numbers = close = 0
    accepted: Counter[str] = Counter()  # near misses that are CORRECT, by kind
    for problems in drawn.values():
        for problem in problems[:FEW]:
            tried += 1
            wrong = env.corrupt(problem, rng)
            found += bool(wrong)
            near = _near_misses(env, problem)
            verdicts = [env.grade(problem, text) for text in (*wrong, *near.values())]
            numbers += bool(near)
            taken = [kind for kind, verdict in zip(near, verdicts[len(wrong) :]) if verdict.is_correct]
            close += {"one larger", "one smaller"} <= set(taken)
            accepted.update(taken)
            paid += sum(verdict.is_correct for verdict in verdicts[: len(wrong)])
            scored += sum(verdict.score > 0 and not verdict.is_correct for verdict in verdicts)
    is_ok = paid == 0 and found >= MIN_CORRUPTED * tried
    detail = f"{found} of {tried} problems have a wrong solution; {paid} of those are graded CORRECT"
    fix = "override corrupt(problem, rng) to return wrong responses, or make verify stricter"
    yield Finding("corrupted solutions are not CORRECT", is_ok, detail, fix)
    detail = f"{scored} wrong answers have a score above 0"
    fix = "a score is 1 for what is right and 0 else; partial credit goes into Verdict.parts"
    yield Finding("wrong answers have no score", scored == 0, detail, fix)
    if numbers:
        detail = f"of {numbers} whole numbers {close} may be one larger or one smaller and are still CORRECT"
        others = [kind for kind in accepted if not kind.startswith("one ") and accepted[kind] >= CLOSE_SHARE * numbers]
        if others:
            detail += (
                f"; those that are {', or '.join(others)} are CORRECT too: right only where a problem has such answers"
            )
        fix = "compare numbers exactly, or to a tolerance below 1"
        yield Finding("numbers next to the answer are not CORRECT", close < CLOSE_SHARE * numbers, detail, fix)


def _near_misses(env: Environment, problem: Problem) -> dict[str, str]:
    """How an answer differs from an integer reference -> a response that gives it."""
    if not re.fullmatch(r"-?\d{1,15}", problem.answer) or env.max_turns > 1:
        return {}
    number = int(problem.answer)
    near = {
        "one larger": number + 1,
        "one smaller": number - 1,
        "equal in the last digit": number + 10,
        "of the other sign": -number if number else 10,
        "without the last digit": number // 10 if number > 9 else number + 100,
    }
    source = env.source_env(problem)
    return {kind: source.render_solution((), str(answer)) for kind, answer in near.items()}


def check_steps(drawn: dict[int, list[Problem]]) -> Iterator[Finding]:
    """The claims in worked steps are true, and the last step states the answer."""
    problems = [problem for group in drawn.values() for problem in group]
    worked = [problem for problem in problems if problem.solution]
    if not worked:
        yield Finding("worked steps", True, "none are given: demonstrations hold the answer alone")
        return
    false = [(p, s) for p in worked for s in p.solution if not all(claim.holds for claim in claims_of(s))]
    detail = f"{len(worked)} of {len(problems)} problems have steps; {len(false)} false claims"
    if false:
        detail += f", e.g. {false[0][1]!r} for {false[0][0].text!r}"
    yield Finding("worked steps are true", not false, detail, "correct the steps that generate writes")
    numbers = [p for p in worked if _leads_to_answer(p)]
    detail = f"the last step states (a part of) the answer in {len(numbers)} of {len(worked)} problems"
    yield Finding("steps lead to the answer", len(numbers) >= 0.9 * len(worked), detail, "end with the answer's step")


def _leads_to_answer(problem: Problem) -> bool:
    last = problem.solution[-1].replace(" ", "")
    if problem.answer.replace(" ", "") in last:
        return True
    stated = re.findall(r"\d+", last)
    return any(number in stated for number in re.findall(r"\d+", problem.answer)) or not re.search(
        r"\d", problem.answer
    )


def check_splits(
    env: Environment, drawn: dict[int, list[Problem]], num: int, seed: int, report: EnvReport
) -> Iterator[Finding]:
    """Train, validation and test share nothing, and the space of problems is large enough for them."""
    ids: dict[str, set[str]] = {}
    missing: list[str] = []
    by_split: dict[str, list[Problem]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        ids[split] = set()
        for level in env.levels:
            try:
                # Another seed for evaluation: sets must be disjoint whatever seeds are used.
                problems = list(env.problems(num, split=split, seed=seed + (split != "train"), level=level))
            except ValueError as error:
                missing.append(f"{split} level {level}: {error}")
                continue
            ids[split] |= {problem.id for problem in problems}
            by_split[split] += problems
    shared = (ids["train"] & ids["test"]) | (ids["train"] & ids["validation"]) | (ids["validation"] & ids["test"])
    fix = "do not override problem(); give Problem.canonical where two prompts ask the same"
    yield Finding("splits share nothing", not shared, f"{len(shared)} problems in two splits", fix)
    fix = "widen the ranges that generate draws from, or leave the level out"
    yield Finding("every split has problems", not missing, "; ".join(missing[:3]) or "at every level", fix)
    if env.max_turns == 1:  # a game may hide what is asked
        more = _more_training(env, num * TWIN_FACTOR, seed) if not missing else []
        yield from check_twins([*by_split["train"], *more], by_split["test"])
    report.numbers["duplicates"], report.numbers["space"] = {}, {}
    small = []
    for level, problems in drawn.items():
        distinct = len({problem.id for problem in problems})
        pairs = sum(count * (count - 1) // 2 for count in Counter(problem.id for problem in problems).values())
        report.numbers["duplicates"][level] = 1 - distinct / len(problems)
        # Birthday estimate n (n - 1) / (2 * equal pairs); without equal pairs it is only a lower bound.
        report.numbers["space"][level] = len(problems) * (len(problems) - 1) // (2 * max(1, pairs))
        if pairs >= MIN_PAIRS and report.numbers["space"][level] < MIN_SPACE:
            small.append(level)
    worst = max(report.numbers["duplicates"].values())
    detail = f"at most {worst:.1%} duplicates; space per level at least {min(report.numbers['space'].values()):,}"
    if small:
        detail += f", too small at level {', '.join(map(str, small))} (expected {MIN_SPACE} problems)"
    yield Finding("space is large enough", not small, detail, fix)


def _more_training(env: Environment, num: int, seed: int) -> list[Problem]:
    """Up to `num` training problems of each level, as many as are drawn in TWIN_SECONDS: runs train on thousands."""
    problems: list[Problem] = []
    for level in env.levels:
        ends = time.process_time() + TWIN_SECONDS / len(env.levels)
        for problem in env.problems(num, split="train", seed=seed, level=level):
            problems.append(problem)
            if time.process_time() > ends:
                break
    return problems


def check_demonstrator(env: Environment, drawn: dict[int, list[Problem]], seed: int) -> Iterator[Finding]:
    """The default demonstrator and the single-step problem write what `grade` reads."""
    rng = random.Random(seed)
    writer = env.demonstrator()
    uncovered = [level for level in writer.levels if level not in env.levels]
    right = total = 0
    for level in writer.levels:
        for problem in drawn.get(level, [])[:FEW]:
            total += 1
            if env.max_turns > 1 and isinstance(writer, ConversationDemonstrator):
                right += env.grade_transcript(problem, writer.transcript(problem, rng)).is_correct
            else:
                right += env.grade(problem, writer.write(problem, rng)).is_correct
    detail = f"right on {right} of {total}; levels {list(writer.levels)}"
    fix = "demonstrator().write must give a response that grade reads; its levels must be training levels"
    yield Finding("demonstrator", right > 0 and not uncovered, detail, fix)
    single = env.single_step_problem(rng)
    single = replace(single, env=env.name)
    is_right = env.grade(single, env.source_env(single).render_solution(single.solution, single.answer)).is_correct
    fix = "single_step_problem(rng) must return a problem whose gold is CORRECT"
    yield Finding("single-step problem", is_right, f"e.g. {single.text!r}", fix)


def check_levels(env: Environment, seed: int) -> Iterator[Finding]:
    """A level beyond training gives other problems than the last training level does from the same random numbers."""

    def texts(level: int) -> list[str]:
        """What the level asks, each problem from random numbers of its own."""
        return [env.generate(random.Random(f"{seed} {index}"), level).text for index in range(FEW)]

    last = max(env.levels)
    alike = [level for level in env.ood_levels if texts(level) == texts(last)]
    told = f"levels {', '.join(map(str, env.ood_levels))} differ from level {last}"
    if alike:
        told = f"level {', '.join(map(str, alike))} gives the very problems of training level {last}"
    fix = "generate(rng, level) must read the level, or ood_levels must leave it out"
    yield Finding("levels beyond training", not alike, told, fix)


def check_speed(env: Environment, seed: int, report: EnvReport) -> Iterator[Finding]:
    """Generating a problem takes little time."""
    rng = random.Random(seed)
    times = []
    for level in env.levels:
        for _ in range(50):
            began = time.process_time()
            env.generate(rng, level)
            times.append((time.process_time() - began) * 1e3)
    report.numbers["milliseconds"] = statistics.median(times)
    is_ok = report.numbers["milliseconds"] < SLOW_MILLISECONDS
    detail = f"median {report.numbers['milliseconds']:.3f} ms to generate a problem"
    yield Finding("fast", is_ok, detail, f"stay under {SLOW_MILLISECONDS:.0f} ms: construct the answer first")
