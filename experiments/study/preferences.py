"""The preference data of a seed: pairs of completions of the start, labelled, and the reward model fitted to them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from envs.types import Problem
from experiments.config.sections import RLSection
from experiments.run.errors import UserError
from experiments.run.folders import read_json, write_json
from experiments.study.context import SeedContext, build, sampling_of
from policies.causal import CausalPolicy
from rl.preference.annotators import Annotator, make_annotator
from rl.preference.comparisons import (
    SELECTORS,
    card_of_labels,
    collect_comparisons,
    load_comparisons,
    save_comparisons,
)
from rl.rollouts.shards import make_shards
from rl.types import Comparison, Group
from verifiers.types import Verdict

COLLECTION_STEP = 1 << 27  # step number of the collection in rollout uids: no training step reaches it
NORMALISING_COMPLETIONS = 1000  # of the start: proxies have mean 0 and standard deviation 1 on them
PROBLEM_OFFSET = 50_000_000  # first problem index: no training prompt is one of these
PART_PROBLEMS = 1_000_000  # problem indices that each part of a collection may use


def collect_preferences(context: SeedContext) -> None:
    """Samples the start on training prompts, labels pairs, writes comparisons.jsonl and labeller.json."""
    folder = context.folder("preferences")
    section = context.experiment.preference
    if section.comparisons is not None:
        _take_recorded(context, Path(section.comparisons))
        return
    groups = sample_start(context, section.num_pairs, "preferences")
    rng = random.Random(f"preferences {context.seed}")
    comparisons, card = collect_comparisons(
        groups,
        annotator_of(context),
        section.num_pairs,
        rng,
        selector=SELECTORS[section.selector](),
        max_per_problem=pairs_per_problem(context.experiment.rl),
    )
    save_comparisons(comparisons, folder.path / "comparisons.jsonl")
    _write_start(context, groups)
    write_json(folder.path / "labeller.json", {**card.to_json(), "tokens_sampled": _tokens(groups)})


def annotator_of(context: SeedContext) -> Annotator:
    """Who labels."""
    return build("preference.annotator", context.experiment.preference.annotator, make_annotator)


def pairs_per_problem(section: RLSection) -> int:
    """Pairs that are compared of one problem at most: no completion is shown twice."""
    return max(1, section.group_size // 2)


def sample_start(context: SeedContext, num_pairs: int, stage: str) -> list[Group]:
    """Groups of completions of the start: as many as hold the label budget, on prompts of all training levels."""
    return sample_pairs(context, context.start_policy, num_pairs, stage)


def sample_pairs(context: SeedContext, policy: Path, num_pairs: int, stage: str, *, part: int = -1) -> list[Group]:
    """Groups of completions of a policy for `num_pairs` pairs.

    Args:
        stage: an arm, whose sampling it is, or "preferences".
        part: of a collection in several; each has problems of its own. -1: the collection that all offline arms share.
    """
    rl = context.experiment.rl_of(stage) if stage in context.experiment.arms else context.experiment.rl
    per_problem = pairs_per_problem(rl)
    first = PROBLEM_OFFSET + (part + 1) * PART_PROBLEMS
    problems = [context.env.problem(first + i, seed=context.seed) for i in range(-(-num_pairs // per_problem))]
    return _sample(context, context.load(policy), problems, 2 * per_problem, rl, stage, COLLECTION_STEP + part + 1)


def comparisons_of(context: SeedContext) -> list[Comparison]:
    """The labelled comparisons of this seed."""
    return load_comparisons(context.root / "preferences" / "comparisons.jsonl")


def fit_proxy(context: SeedContext) -> bool:
    """Fits the Bradley-Terry reward model (or ensemble) into preferences/reward_model; False when interrupted."""
    from rl.preference.reward_model import RewardModelSettings, fit_reward_model

    folder = context.folder("preferences")
    section = context.experiment.preference.reward_model
    recorder = context.recorder(folder)
    card = fit_reward_model(
        context.start_policy,
        comparisons_of(context),
        RewardModelSettings(**section.model_dump(), seed=context.seed),
        folder.path / "reward_model",
        recorder,
        start_completions=[(tuple(p), tuple(c)) for p, c in read_json(folder.path / "start_completions.json")],
    )
    recorder.close()
    return not card.interrupted


def read_recorded(path: Path) -> list[Comparison]:
    """Recorded labels.

    Raises:
        UserError: no such file, a line that is no comparison, or none at all.
    """
    try:
        comparisons = load_comparisons(path)
    except OSError as error:
        raise UserError(f"preference.comparisons: {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"preference.comparisons: {error}") from error
    if not comparisons:
        raise UserError(f"preference.comparisons: {path} holds no comparison")
    return comparisons


def _take_recorded(context: SeedContext, path: Path) -> None:
    """Labels that somebody recorded: graded by the environment, so that the card can say what they reward."""
    from envs.grading import EnvGrader
    from verifiers.pool.verifier_pool import VerifierPool

    comparisons = read_recorded(path)
    asked = [(c.problem, text) for c in comparisons for text in (c.chosen, c.rejected)]
    deadline = context.experiment.workers.deadline_seconds
    with VerifierPool(EnvGrader(context.env_spec), workers=1, deadline_seconds=deadline) as pool:
        verdicts = dict(zip(((p.id, text) for p, text in asked), pool.grade(asked)))

    def grade(problem: Problem, text: str) -> Verdict:
        """The verdict that the pool gave already."""
        return verdicts[problem.id, text]

    graded = []
    for c in comparisons:
        sides = (grade(c.problem, c.chosen).is_correct, grade(c.problem, c.rejected).is_correct)
        graded.append(replace(c, agrees_with_gold=None if sides[0] == sides[1] else sides[0]))
    folder = context.folder("preferences")
    save_comparisons(graded, folder.path / "comparisons.jsonl")
    groups = sample_start(context, NORMALISING_COMPLETIONS // 2, "preferences")
    _write_start(context, groups)
    card = card_of_labels(graded, grade)
    write_json(folder.path / "labeller.json", {**card.to_json(), "tokens_sampled": _tokens(groups)})


def _write_start(context: SeedContext, groups: Sequence[Group]) -> None:
    rows = [t for group in groups for t in group.trajectories][:NORMALISING_COMPLETIONS]
    start = [[t.prompt_tokens, t.completion.tokens] for t in rows]
    write_json(context.folder("preferences").path / "start_completions.json", start)


def _sample(
    context: SeedContext,
    policy: CausalPolicy,
    problems: Sequence[Problem],
    group_size: int,
    rl: RLSection,
    stage: str,
    step: int,
) -> list[Group]:
    workers, version = context.serve(policy)
    shards = make_shards(
        problems,
        group_size=group_size,
        step=step,
        shard_size=context.experiment.workers.shard_size,
        sampling=sampling_of(rl.sampling),
        version=version,
    )
    return context.collect(workers, shards, stage, "sampling pairs")


def _tokens(groups: Sequence[Group]) -> int:
    return sum(t.num_sampled for group in groups for t in group.trajectories)
