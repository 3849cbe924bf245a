"""The preference data of a seed: pairs of completions of the start, labelled, and the reward model fitted to them."""

from __future__ import annotations

import random
from typing import Any

from experiments.context import SeedContext, build, sampling_of
from experiments.runs import read_json, write_json
from rl.preference.annotators import make_annotator
from rl.preference.comparisons import collect_comparisons, load_comparisons, save_comparisons
from rl.rollout import collect, make_shards
from rl.types import Comparison, Group

COLLECTION_STEP = 1 << 27  # step number of the collection in rollout uids: no training step reaches it
NORMALISING_COMPLETIONS = 1000  # of the start: proxies have mean 0 and standard deviation 1 on them
PROBLEM_OFFSET = 50_000_000  # first problem index: no training prompt is one of these


def collect_preferences(context: SeedContext) -> None:
    """Samples the start on training prompts, labels pairs, writes comparisons.jsonl and labeller.json."""
    folder = context.folder("preferences")
    section = context.experiment.preference
    annotator = build("preference.annotator", section.annotator, make_annotator)
    groups = _sample_start(context, section.num_pairs)
    rng = random.Random(f"preferences {context.seed}")
    per_problem = context.experiment.rl.group_size // 2 or 1
    comparisons, card = collect_comparisons(groups, annotator, section.num_pairs, rng, max_per_problem=per_problem)
    save_comparisons(comparisons, folder.path / "comparisons.jsonl")
    rows = [t for group in groups for t in group.trajectories]
    tokens = sum(len(t.completion.tokens) for t in rows)
    start = [[t.prompt_tokens, t.completion.tokens] for t in rows[:NORMALISING_COMPLETIONS]]
    write_json(folder.path / "start_completions.json", start)
    write_json(folder.path / "labeller.json", {**card.to_json(), "tokens_sampled": tokens})


def _sample_start(context: SeedContext, num_pairs: int) -> list[Group]:
    """Groups of completions of the start: as many as hold the label budget, on prompts of all training levels."""
    rl = context.experiment.rl
    per_problem = max(1, rl.group_size // 2)
    num_problems = -(-num_pairs // per_problem)
    problems = [context.env.problem(PROBLEM_OFFSET + i, seed=context.seed) for i in range(num_problems)]
    version = context.publish(context.load(context.start_policy))
    shards = make_shards(
        problems,
        group_size=2 * per_problem,
        step=COLLECTION_STEP,
        shard_size=context.experiment.workers.shard_size,
        sampling=sampling_of(rl.sampling),
        version=version,
    )
    done = 0

    def tell(result: Any) -> None:
        nonlocal done
        done += len(result.groups)
        context.display.progress("preferences", done, num_problems, "sampling pairs from the start")

    return collect(context.workers(), shards, on_result=tell)


def comparisons_of(context: SeedContext) -> list[Comparison]:
    """The labelled comparisons of this seed."""
    return load_comparisons(context.root / "preferences" / "comparisons.jsonl")


def fit_proxy(context: SeedContext) -> bool:
    """Fits the Bradley-Terry reward model (or ensemble) into preferences/reward_model; False when interrupted."""
    from rl.preference.reward_model import RewardModelSettings, fit_reward_model

    folder = context.folder("preferences")
    section = context.experiment.preference.reward_model
    settings = RewardModelSettings(**section.model_dump(), seed=context.seed)
    recorder = context.recorder(folder)
    card = fit_reward_model(
        context.start_policy,
        comparisons_of(context),
        settings,
        folder.path / "reward_model",
        recorder,
        start_completions=[(tuple(p), tuple(c)) for p, c in read_json(folder.path / "start_completions.json")],
    )
    recorder.close()
    return not card.interrupted
