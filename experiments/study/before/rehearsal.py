"""Own parts tried on a right solution and a wrong one before anything is trained: what raises there is told here.

The verifier grades both; rewards, metrics, annotators and selectors of one's own get the two as the completions of a
group, in the policy's own tokens.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from envs.check.checks import unexpected
from envs.demonstrators.base import ConversationDemonstrator
from envs.environment import Environment
from envs.types import Message, Problem, StopReason
from experiments.arms import methods_of_study
from experiments.config.arms.rewards import reward_sources
from experiments.config.components import build, build_demonstrator
from experiments.config.experiment import Experiment
from experiments.config.sections import Component, ImitationSection, PreferenceSection
from experiments.run.errors import UserError, with_place
from experiments.run.terminal import tell
from experiments.stages.training import curriculum_of
from experiments.study.before.lengths import fitted_env
from experiments.study.before.models import NotAtHandError, reader_of
from policies.causal import CausalPolicy
from policies.types import Completion, FinishReason
from rl.curriculum import CURRICULA
from rl.imitation.demonstrations import Demonstration, encode_demonstrations
from rl.preference.labels.annotators import PRESETS, make_annotator
from rl.preference.labels.comparisons import SELECTORS, collect_comparisons, make_selector
from rl.records.own_metrics import find_metrics, own_metrics
from rl.rewards.checked import checked_rewards
from rl.rewards.registry import REWARDS, make_reward
from rl.types import Group, Trajectory
from rl.workers.conversations import encode_prompt
from verifiers.parts import is_own
from verifiers.types import Verdict
from verifiers.watching import own_part_of

BUILT_IN_ANNOTATORS = (*PRESETS, "panel", "model")


def rehearse(experiment: Experiment) -> None:
    """Has every own part that judges completions judge two of the first problem of each training stream.

    Where a problem has no solution there is nothing to judge before the first rollout. Where it takes several turns, a
    solution is played, and a single empty turn is the wrong one.

    Raises:
        UserError: one of them raises, or gives something else back than it should.
    """
    try:
        env = fitted_env(experiment)[1]
        reader = reader_of(experiment, env)
    except NotAtHandError:
        return  # told where lengths are compared
    pairs = [group for stream in env.task_streams(env.levels) if (group := _graded(env, reader, stream)) is not None]
    _try_curricula(experiment, env)
    if experiment.imitation is not None:
        _try_demonstrator(experiment.imitation, env)
    if not pairs:
        return
    own_metrics_of = find_metrics(experiment.metrics)
    _tried("metrics", lambda: own_metrics(own_metrics_of, pairs))
    for name, method in methods_of_study(experiment).items():
        groups = [_of_size(group, method.rl.group_size, number) for number, group in enumerate(pairs)]
        for reward in (
            reward_sources(method.arm.reward) if isinstance(getattr(method.arm, "reward", None), Component) else ()
        ):
            if is_own("reward", reward.name, REWARDS):
                _try_reward(f"arms.{name}.reward", reward, groups)
        if method.arm.uses_comparisons and method.preference.comparisons is None:
            _try_labels(f"arms.{name}", method.preference, groups)


def _graded(env: Environment, reader: CausalPolicy, stream: Any) -> Group | None:
    """The worked solution and a wrong one of a stream's first problem; None where they would say nothing."""
    problem = _tried("env", lambda: env.stream_problem(stream, 0, split="train", seed=0))
    source = env.source_env(problem)
    if not source.has_reference or not problem.answer:
        return None
    if source.max_turns > 1:
        return _played(source, reader, problem)
    right = _tried("env", lambda: source.render_solution(problem.solution, problem.answer))
    wrong = _tried("env", lambda: next(iter(source.corrupt(problem, random.Random(0))), ""))
    rows = [_row(source, reader, problem, text, uid) for uid, text in enumerate((right, wrong))]
    return _pair(source, problem, rows)


def _played(source: Environment, reader: CausalPolicy, problem: Problem) -> Group | None:
    """The conversation of a worked solution, and one that says nothing; None where nobody can write the first."""
    writer = _tried("env", source.demonstrator)
    if not problem.solution or not isinstance(writer, ConversationDemonstrator):
        return None
    right = _tried("env: playing a solution", lambda: writer.transcript(problem, random.Random(0)))
    if told := unexpected(source, problem, right):
        tell(f"warning: env: {source.place_of(problem)}: {told[:300]}")
    talks = [Demonstration(problem, talk[-1].content, transcript=talk) for talk in (right, (Message("assistant", ""),))]
    rows = []
    for uid, (talk, example) in enumerate(zip(talks, encode_demonstrations(talks, reader), strict=True)):
        verdict = _verdict(lambda: source.grade_transcript(problem, talk.transcript or ()))  # noqa: B023  # called at once
        tokens = example.completion
        completion = Completion(tokens, (0.0,) * len(tokens), reader.decode(tokens), FinishReason.STOP)
        row = Trajectory(uid, problem, example.prompt, verdict=verdict, completion=completion)
        mask = example.mask or (1,) * len(tokens)
        rows.append(replace(row, action_mask=mask, transcript=talk.transcript, stop=StopReason.COMPLETED))
    return _pair(source, problem, rows)


def _pair(source: Environment, problem: Problem, rows: Sequence[Trajectory]) -> Group:
    """Both rows as a group; says so where the right one is not taken for right."""
    verdict = rows[0].verdict
    if not verdict.is_correct:
        tell(
            f"warning: env: the verifier calls the worked solution of {source.place_of(problem)} {verdict.outcome}"
            f"{f' ({verdict.detail})' if verdict.detail else ''}: no answer like it can be rewarded"
        )
    return Group(problem, tuple(rows))


def _of_size(pair: Group, size: int, number: int) -> Group:
    """A group as large as those of the run: the right solution and the wrong one in turn."""
    rows = (replace(pair.trajectories[i % 2], uid=number * size + i) for i in range(max(2, size)))
    return Group(pair.problem, tuple(rows))


def _row(source: Environment, reader: CausalPolicy, problem: Problem, text: str, uid: int) -> Trajectory:
    verdict = _verdict(lambda: source.grade(problem, text))
    tokens = reader.encode_completion(text)
    completion = Completion(tokens, (0.0,) * len(tokens), text, FinishReason.STOP)
    return Trajectory(uid, problem, encode_prompt(reader, problem), verdict=verdict, completion=completion)


def _verdict(grade: Callable[[], Any]) -> Verdict:
    verdict = _tried("env: grading a solution", grade)
    if not isinstance(verdict, Verdict):
        raise UserError(f"env: grading a solution gave {verdict!r:.60} ({type(verdict).__name__}), expected a Verdict")
    return verdict


def _try_reward(where: str, reward: Component, groups: Sequence[Group]) -> None:
    made = build(where, reward, make_reward)
    _tried(where, lambda: checked_rewards(reward.name, made.compute_rewards, groups))


def _try_labels(where: str, section: PreferenceSection, groups: Sequence[Group]) -> None:
    """Has an own annotator or selector label a pair of every group."""
    own = {
        "annotator": is_own("annotator", section.annotator.name, BUILT_IN_ANNOTATORS),
        "selector": is_own("selector", section.selector.name, SELECTORS),
    }
    if not any(own.values()) or (section.annotator.name == "model" and not own["annotator"]):
        return
    annotator = build(f"{where}.preference.annotator", section.annotator, make_annotator)
    selector = build(f"{where}.preference.selector", section.selector, make_selector)
    budget = 2 * len(groups) * annotator.judgements_per_pair
    told = " and ".join(f"preference.{part}" for part, is_mine in own.items() if is_mine)
    _tried(
        f"{where}: {told}",
        lambda: collect_comparisons(groups, annotator, budget, random.Random(0), selector=selector),
    )


def _try_demonstrator(section: ImitationSection, env: Environment) -> None:
    """Has the writers write a solution of each training stream."""
    where, writer = "imitation.demonstrator", build_demonstrator(env, section.demonstrator)
    for stream in env.task_streams(env.levels):
        problem = env.stream_problem(stream, 0, split="train", seed=0)
        if env.max_turns == 1 and _tried(where, lambda: writer.covers(problem)):  # noqa: B023  # called at once
            text = _tried(where, lambda: writer.write(problem, random.Random(0)))  # noqa: B023
            if not isinstance(text, str):
                raise UserError(f"{where}: write gave {text!r:.60} ({type(text).__name__}), expected text")


def _try_curricula(experiment: Experiment, env: Environment) -> None:
    for name, method in methods_of_study(experiment).items():
        section = method.rl
        if "curriculum" in method.reads_rl and is_own("curriculum", section.curriculum.name, CURRICULA):
            _tried(
                f"arms.{name}: rl.curriculum",
                lambda: curriculum_of(section, env, experiment.seeds[0]).problems(0, section.problems_per_step),  # noqa: B023
            )


def _tried(where: str, work: Callable[[], Any]) -> Any:
    """What own code gives back.

    Raises:
        UserError: it raised.
    """
    try:
        return work()
    except UserError:
        raise
    except (ValueError, TypeError) as error:  # of the project's own checks: the message says where
        if isinstance(error, TypeError) and own_part_of(error) is not None:
            raise UserError(f"{where}: {with_place(error)}") from error
        raise UserError(f"{where}: {' '.join(str(error).split())}") from error
    except Exception as error:  # whatever somebody's own code raises is told in the same way
        raise UserError(f"{where}: {with_place(error)}") from error
