"""The one list of metric names, and how rollouts become numbers.

A name is `family/what`. A `*` stands for a name that the run brings with it (a reward part, a verdict part, an
outcome, a level, a phase). Everything is a mean over the whole step: counts are added first and divided once.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from envs.types import StopReason
from policies.types import FinishReason
from rl.algorithms.base import METRICS as ALGORITHM_METRICS
from rl.learning.sums import Sums
from rl.records.stalled import level_metrics
from rl.types import Group, Trajectory
from verifiers.types import Outcome

METRICS: Mapping[str, str] = {
    **ALGORITHM_METRICS,
    # what the algorithm saw
    "reward/mean": "mean reward of the step's completions",
    "reward/std": "standard deviation of the rewards over the step",
    "reward/unknown": "share of completions whose reward is NaN; the other reward metrics are of the rest",
    "reward/part/*": "mean of a named reward part; the parts add up to reward/mean",
    # what the verifier says, whatever the reward is made of
    "gold/correct": "share of completions that the gold verifier calls correct",
    "gold/score": "mean gold score",
    "gold/verdicts_read": "completions whose gold verdict training read: its reward function, or its curriculum",
    "gold/part/*": "mean of a named measurement of the gold verdict, over the verdicts that have it",
    "gold/correct/level/*": "gold/correct among the problems of one level",
    "gold/solution/level/*": "share of right solutions (answer, and no wrong step) among the problems of one level",
    "gold/fault/*": "shares of a level by what is wrong first: length, no_answer, conclusion, step, unjudged",
    "gold/fault/step_number/level/*": "mean number, from 1, of the first wrong step before the conclusion",
    "gold/fault/step_size/level/*": "mean number of operations that this step carries out",
    "gold/correct/env/*": "gold/correct among the problems of one part of a mixture",
    "reward/mean/env/*": "reward/mean among the problems of one part of a mixture",
    "groups/count/env/*": "problems of one part of a mixture",
    "outcome/*": "share of completions by outcome of verification",
    "finish/*": "share of completions by finish reason (stop, length)",
    "stop/*": "share of conversations by the reason that ended them (several turns only)",
    "conversation/turns_mean": "mean turns of the policy in a conversation (several turns only)",
    # groups
    "groups/count": "problems of the step",
    "groups/no_signal": "share of groups whose rewards are all equal: no advantage, no gradient",
    "groups/all_right": "share of all groups that have no signal and whose every completion is gold-correct",
    "groups/all_wrong": "share of all groups that have no signal and no gold-correct completion",
    "groups/sampled": "groups sampled for the step, those filtered by dynamic sampling included",
    "groups/kept": "share of the sampled groups that were trained on",
    # completions
    "completion/tokens_mean": "mean sampled tokens of a completion, end token included, tool output not",
    "completion/tokens_max": "sampled tokens of the longest completion",
    "completion/distinct": "mean share of distinct texts within a group",
    # the policy, beside what the algorithm measures
    "policy/kl": "KL(sampling policy || start) per completion, nats: mean sum of log pi - log reference, k1 estimate",
    "policy/kl_token": "the same per sampled token",
    "policy/version": "policy version after the update",
    "policy/staleness_mean": "mean learner version minus sampling version",
    "policy/staleness_max": "largest learner version minus sampling version",
    # the learner
    "learner/loss": "loss of the optimizer step (mean over the steps of an update)",
    "learner/grad_norm": "gradient norm before clipping",
    "learner/value_grad_norm": "gradient norm of the value model before clipping",
    "learner/lr": "learning rate of the optimizer step",
    "learner/steps": "optimizer steps taken so far",
    "learner/tokens": "sampled tokens that the loss was divided by",
    "learner/positions_per_token": "positions computed per real token: below 1 where prefixes are shared",
    "learner/batch_tokens": "prompt and completion tokens of the batch, skipped rows included",
    "learner/skipped": "share of rows whose advantage is exactly 0: no gradient is computed for them",
    "curriculum/weight/*": "probability that a problem of this level (of a mixture: part and level) is asked",
    "curriculum/success/*": "present estimate of the success rate there (learnability, target_success)",
    "curriculum/asked": "problems asked since the run began",
    "curriculum/epochs": "how often a data file was gone through, of the level that was read most",
    "curriculum/pool/*": "problems set aside as easy or hard, and how many were asked again (repeated)",
    "curriculum/*": "what a curriculum of your own reports",
    # on problems that are never trained on, every `evaluate_every` steps
    "eval/mean_solution": "mean@k: share of sampled completions whose whole solution is right",
    "eval/mean_answer": "mean@k: share of sampled completions whose answer is right",
    "eval/tokens": "mean sampled tokens of a completion",
    "eval/truncated": "share of completions that reached the length limit",
    "eval/error": "share of completions whose verifier failed",
    "eval/timeout": "share of completions whose verification ran into its deadline",
    "eval/num_problems": "problems of the evaluation",
    "eval/kl": "KL(policy || start) per completion, nats (arms that maximise the proxy)",
    "eval/proxy": "mean score of the reward model, in standard deviations of the start's completions",
    "eval/reward_model_accuracy_*": "reward model on the policy's own pairs: share ranked as labels, or gold, would",
    "eval/reward_model_log_loss_*": "its log-loss there (a coin: 0.693), against labels or gold",
    "eval/reward_model_ece_*": "its expected calibration error there, against labels or gold",
    "eval/reward_model_pairs_*": "how many pairs that was measured on",
    "eval/reward_model_spread": "how much the members of an ensemble disagree, in standard deviations of the start",
    "eval/win_rate": "how often the annotator prefers the policy's answers to the start's (arms that buy judgements)",
    "eval/win_rate_judgements": "answers of the annotator that this took",
    "eval/annotator_false_positive_rate": "how often the annotator takes a wrong completion of the policy for right",
    "eval/*": "what an evaluation of your own reports",
    "own/*": "what a metric of your own measures",
    # stages beside RL
    "imitation/*": "what a supervised fit measures: loss, probe (share of single steps right)",
    "expert_iteration/*": "a round's report: success, solved, kept, unique_rate, tokens, steps",
    "reward_model/*": "trl's reward trainer: loss, accuracy, margin, mean_reward, grad_norm",
    "dpo/*": "trl's DPO trainer: loss, accuracies, margins, chosen, rejected, grad_norm",
    "kto/*": "trl's KTO trainer: loss, margins, chosen, rejected, kl, grad_norm",
    # the machine
    "time/step_seconds": "wall time of the step",
    "time/*_seconds": "wall time of a phase (rollout, reward, collate, update, publish, log, evaluate, worker_*)",
    "speed/sampled_tokens_per_second": "sampled tokens over the rollout's wall time",
    "speed/learner_tokens_per_second": "prompt and completion tokens of the batch over the update's wall time",
    "speed/learner_mfu": "model FLOP of the update over its wall time and the rate of a large matrix product",
    "tokens/sampled_total": "tokens sampled since the start of the stage, filtered groups included",
    "workers/healthy": "rollout workers that can take work at the end of the step",
    "workers/restarts": "processes that replaced a dead rollout worker, since the run (or its resume) began",
    "workers/idle": "share of the workers' time, since the shard before, in which they had nothing to do",
    "workers/idle/*": "the same of one worker",
}


def is_known(name: str) -> bool:
    """True when `name` is in the list, or fits one of its `*` names."""
    return name in METRICS or any(fnmatchcase(name, pattern) for pattern in METRICS if "*" in pattern)


def num_tokens(groups: Iterable[Group]) -> int:
    """Tokens of all completions."""
    return sum(row.num_sampled for group in groups for row in group.trajectories)


def use_metrics(groups: Sequence[Group], sampled: Sequence[Group], version: int) -> dict[str, float]:
    """How much of what was sampled was trained on, and how old that was.

    Args:
        groups: those that were trained on.
        version: of the policy after the update.
    """
    staleness = [version - 1 - row.completion.version for group in groups for row in group.trajectories]
    return {
        "groups/sampled": float(len(sampled)),
        "groups/kept": len(groups) / len(sampled),
        "policy/version": float(version),
        "policy/staleness_mean": sum(staleness) / len(staleness) if staleness else 0.0,
        "policy/staleness_max": float(max(staleness, default=0)),
    }


def rollout_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """Numbers of rewarded groups: reward beside gold, outcomes, groups without signal, lengths, finish reasons.

    Raises:
        ValueError: no trajectories.
    """
    rows = [row for group in groups for row in group.trajectories]
    if not rows:
        raise ValueError("rollout_metrics got no trajectories: a step has at least one")
    scored = [row for row in rows if not math.isnan(row.reward)]
    known = np.array([row.reward for row in scored], dtype=np.float64)
    tokens = [row.num_sampled for row in rows]
    return {
        "reward/mean": float(known.mean()) if known.size else 0.0,
        "reward/std": float(known.std()) if known.size else 0.0,
        "reward/unknown": 1 - known.size / len(rows),
        **_part_means("reward/part", (row.parts for row in scored), len(scored)),
        **_gold(rows),
        **level_metrics(rows),
        **_by_part(groups),
        **_shares("outcome", Outcome, [row.verdict.outcome for row in rows]),
        **_shares("finish", FinishReason, [row.completion.finish for row in rows]),
        **_conversations(rows),
        **_group_metrics(groups),
        "completion/tokens_mean": float(np.mean(tokens)),
        "completion/tokens_max": float(max(tokens)),
    }


def _gold(rows: Sequence[Trajectory]) -> dict[str, float]:
    means = Sums()
    for row in rows:
        correct = float(row.verdict.is_correct)
        means.add("gold/correct", correct)
        means.add("gold/score", row.verdict.score)
        means.add(f"gold/correct/level/{row.problem.level}", correct)
        for name, value in row.verdict.parts.items():
            means.add(f"gold/part/{name}", value)
    return means.means()


def _by_part(groups: Sequence[Group]) -> dict[str, float]:
    """Reward beside gold for each part of a mixture; nothing where the environment is none."""
    means, counts = Sums(), Counter[str]()
    for group in groups:
        part = group.problem.info.get("part")
        if part is None:
            continue
        counts[f"groups/count/env/{part}"] += 1
        for row in group.trajectories:
            means.add(f"gold/correct/env/{part}", float(row.verdict.is_correct))
            if not math.isnan(row.reward):
                means.add(f"reward/mean/env/{part}", row.reward)
    return {**means.means(), **{name: float(count) for name, count in counts.items()}}


def _conversations(rows: Sequence[Trajectory]) -> dict[str, float]:
    """Why conversations ended, and how long they were; nothing where there are none."""
    talks = [row for row in rows if row.transcript is not None]
    if not talks:
        return {}
    turns = [sum(message.role == "assistant" for message in row.transcript or ()) for row in talks]
    stops = [row.stop for row in talks if row.stop is not None]
    return {**(_shares("stop", StopReason, stops) if stops else {}), "conversation/turns_mean": float(np.mean(turns))}


def _group_metrics(groups: Sequence[Group]) -> dict[str, float]:
    silent = [group for group in groups if not group.has_signal]
    right = sum(all(row.verdict.is_correct for row in group.trajectories) for group in silent)
    wrong = sum(not any(row.verdict.is_correct for row in group.trajectories) for group in silent)
    distinct = [
        len({row.completion.tokens for row in group.trajectories}) / len(group.trajectories) for group in groups
    ]
    return {
        "groups/count": float(len(groups)),
        "groups/no_signal": len(silent) / len(groups),
        "groups/all_right": right / len(groups),
        "groups/all_wrong": wrong / len(groups),
        "completion/distinct": float(np.mean(distinct)),
    }


def _part_means(prefix: str, parts: Iterable[Mapping[str, float]], num_rows: int) -> dict[str, float]:
    """Means over all rows, so that the parts add up to the mean reward."""
    totals: dict[str, float] = defaultdict(float)
    for row in parts:
        for name, value in row.items():
            totals[name] += value
    return {f"{prefix}/{name}": total / num_rows for name, total in totals.items()}


def _shares(prefix: str, names: Iterable[str], values: Sequence[str]) -> dict[str, float]:
    counts = Counter(values)
    return {f"{prefix}/{name}": counts[name] / len(values) for name in names}
