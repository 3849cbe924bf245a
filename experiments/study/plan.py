"""`beyond check`: builds every component that a config names, and says what the study would do."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

from envs.environment import Environment
from experiments.arms import methods_of_study
from experiments.config.components import build, build_demonstrator, build_env, find_named
from experiments.config.experiment import Experiment
from experiments.config.labels import PREFERENCES, labels_of_arms
from experiments.report.own import find_sections
from experiments.run.errors import UserError
from experiments.run.trackers import tracker_class
from experiments.stages.preferences import read_recorded
from experiments.stages.problems import final_problems, validation_problems
from experiments.stages.prompting import with_prompts
from experiments.stages.training import check_optimizer
from experiments.study.before.lengths import check_lengths
from experiments.study.before.rehearsal import rehearse
from policies.pretrained.catalogue import CATALOGUE
from policies.pretrained.fetch import is_fetched
from policies.pretrained.gguf import is_gguf
from policies.sampling.vllm_engine import INSTALL
from rl.preference.labels.annotators import make_annotator
from rl.preference.labels.comparisons import make_selector
from rl.records.own_metrics import find_metrics
from rl.workers.cluster import named_cluster
from rl.workers.engine import find_backend

PATIENCE_SECONDS = 10.0  # for the drawing of all test problems; where it takes longer, the run is the one to count them


def check_components(experiment: Experiment) -> None:
    """Builds environment, demonstrator, algorithms, rewards, curricula and annotator; trains and samples nothing.

    Raises:
        UserError: one of them cannot be built.
    """
    env = build_env(experiment.env)[1]
    if not env.levels:
        raise UserError(f"env: {experiment.env.name!r} has no training levels: give at least one in `levels`")
    _check_problems(experiment, env)
    if experiment.imitation is not None:
        build_demonstrator(env, experiment.imitation.demonstrator)
        check_optimizer("imitation.optimizer", experiment.imitation.optimizer)
    recorded = experiment.preference.comparisons
    if recorded is None:
        build("preference.annotator", experiment.preference.annotator, make_annotator)
        build("preference.selector", experiment.preference.selector, make_selector)
    else:
        read_recorded(Path(recorded))
    if experiment.workers.executor == "ray":
        try:
            named_cluster(experiment.workers.address)
        except ConnectionError as error:
            raise UserError(f"workers.address: {error}") from error
    find_named("workers.backend", find_backend, experiment.workers.backend)
    if experiment.workers.backend == "vllm" and find_spec("vllm") is None:
        raise UserError(f"workers.backend is vllm, and vLLM is not installed: {INSTALL}")
    find_named("metrics", find_metrics, experiment.metrics)
    find_named("report_sections", find_sections, experiment.report_sections)
    for method in methods_of_study(experiment).values():
        method.check(env)
    for tracker in experiment.trackers:
        tracker_class(tracker)
    path = experiment.policy.path
    if path is None:
        return
    if path in CATALOGUE and not is_fetched(path):
        raise UserError(f"policy.path: {path!r} is not on this machine yet: beyond models fetch {path}")
    if path.startswith((".", "/", "~")) and not (Path(path).expanduser().is_dir() or is_gguf(path)):
        raise UserError(f"policy.path: {path!r} is neither a folder nor a GGUF file")


def _check_problems(experiment: Experiment, env: Environment) -> None:
    """Draws a problem of every level: data files are read here, and levels that there are not are found.

    Raises:
        UserError: a level that the environment has not, or a split without problems.
    """
    section = experiment.evaluation
    level = section.headline_level
    levels = section.levels or (*env.levels, *env.ood_levels)
    missing = [level for level in levels if level not in (*env.levels, *env.ood_levels)]
    if missing:
        raise UserError(
            f"evaluation.levels has {missing[0]}, and environment {experiment.env.name!r} has levels "
            f"{list(env.levels)}, evaluation only {list(env.ood_levels)}"
        )
    if level is not None and level not in levels:
        raise UserError(
            f"evaluation.headline_level is {level}, but the evaluated levels are {list(levels)}: choose one, or "
            "null for all trained levels"
        )
    few = section.model_copy(update={"problems_per_level": 1, "validation_problems": len(env.task_streams(env.levels))})
    began = time.perf_counter()
    final_problems(env, few)
    validation_problems(env, few)
    if (time.perf_counter() - began) * section.problems_per_level < PATIENCE_SECONDS:
        final_problems(env, section)  # says where there are fewer than asked for
        validation_problems(env, section)


def print_plan(experiment: Experiment) -> None:
    """Checks the components, then prints stages, sizes and what will be sampled."""
    check_components(experiment)
    experiment = with_prompts(experiment)
    check_lengths(experiment)
    rehearse(experiment)
    env = build_env(experiment.env)[1]
    policy = experiment.policy
    shape = f"tiny {policy.tiny.layers} x {policy.tiny.hidden}" if policy.tiny else policy.path
    print(f"{experiment.name}: environment {experiment.env.name}, policy {shape}, seeds {list(experiment.seeds)}")
    if template := experiment.env.settings.get("template"):
        print(f"  prompts: template {template} (env.template)")
    imitation = experiment.imitation
    if imitation is not None:
        print(
            f"  sft            imitation of {imitation.num_demonstrations:,} demonstrations, at most "
            f"{imitation.steps:,} steps of {imitation.batch_size}"
        )
    _print_labels(experiment)
    for name, method in methods_of_study(experiment).items():
        print(f"  {name:<14} {method.plan()}")
    evaluation = experiment.evaluation
    streams = env.task_streams(evaluation.levels or (*env.levels, *env.ood_levels))
    print(
        f"  test           {evaluation.problems_per_level} problems x {len(streams)} levels x "
        f"{evaluation.num_samples} samples and one greedy, for sft and every arm"
        + (f"; at least {evaluation.min_per_level} samples a level" if evaluation.min_per_level else "")
    )
    workers = experiment.workers
    print(f"  workers        {workers.num} x {workers.executor}, {workers.threads} thread(s) each")


def _print_labels(experiment: Experiment) -> None:
    """Who labels what, and what is fitted to it: a line for each set of labels, and for each reward model."""
    told: set[str] = set()
    for name, labels in labels_of_arms(experiment, experiment.arms).items():
        arm, section, model = experiment.arms[name], labels.section, labels.section.reward_model
        if arm.uses_comparisons and labels.pairs not in told:
            told.add(labels.pairs)
            source = (
                f"recorded labels of {section.comparisons}"
                if section.comparisons
                else f"{section.num_pairs:,} judgements by {section.annotator.name} on pairs of the start"
            )
            print(f"  {labels.pairs:<14} {source}")
        if arm.uses_reward_model and labels.reward_model not in told:
            told.add(labels.reward_model)
            members = f"ensemble of {model.members}, {model.combine}" if model.members > 1 else "one model"
            name = labels.reward_model.removeprefix(f"{PREFERENCES}/").replace("_", " ")
            print(f"  {name:<14} {members}, {model.epochs} epoch(s)")
