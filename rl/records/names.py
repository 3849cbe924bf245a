"""The one list of metric names, read without torch.

A name is `family/what`. A `*` stands for a name that the run brings with it (a reward part, a verdict part, an
outcome, a level, a phase).
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

METRICS: Mapping[str, str] = {
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
    # what algorithms see: every key of LossParts.sums and maxima, derived_metrics and advantage_metrics
    "policy/loss": "policy part of the loss, per sampled token or completion as the algorithm aggregates",
    "policy/entropy": "mean entropy of the next-token distribution at sampled positions, nats",
    "policy/entropy_coefficient": "weight of the entropy bonus in force",
    "policy/ratio_mean": "mean of pi / pi_old over sampled tokens",
    "policy/ratio_max": "largest pi / pi_old of a sampled token",
    "policy/kl_old": "KL(pi_old || pi) since the start of the update, k3 estimate, nats per token",
    "policy/clip_fraction_low": "share of sampled tokens whose gradient the lower clip removed",
    "policy/clip_fraction_high": "share of sampled tokens whose gradient (CISPO: weight) the upper clip cut",
    "policy/clip_fraction_dual": "share of sampled tokens held by dual clip",
    "policy/kl_reference": "KL(pi || reference), k3 estimate, nats per token",
    "policy/kl_reference_k1": "KL(pi || reference), k1 estimate, nats per token: differs from k3 off policy",
    "policy/kl_coefficient": "beta in force",
    "policy/kl_loss": "KL part of the loss before beta",
    "policy/imitation_loss": "negative log-likelihood of correct completions (VAPO)",
    "value/loss": "value part of the loss before its coefficient",
    "value/clip_fraction": "share of sampled tokens where value clipping won",
    "value/mean": "mean predicted value",
    "value/return_mean": "mean return target",
    "value/return_square": "mean squared return target",
    "value/error_mean": "mean of return minus value",
    "value/error_square": "mean squared return minus value",
    "value/explained_variance": "1 - Var(return - value) / Var(return)",
    "mismatch/logprob_abs_diff": "mean |log pi_learner - log pi_sampler| of sampled tokens at the start of the update",
    "mismatch/logprob_abs_diff_max": "largest |log pi_learner - log pi_sampler|",
    "mismatch/kl": "KL(sampler || learner) at the start of the update, k3 estimate, nats per token",
    "importance/weight_mean": "mean importance weight after its bound",
    "importance/weight_square": "mean squared importance weight",
    "importance/weight_max": "largest importance weight before its bound",
    "importance/clip_fraction": "share of sampled tokens whose weight was truncated or masked",
    "importance/effective_sample_size": "(sum w)^2 / (n sum w^2): share of tokens that still counts",
    "advantage/mean": "mean advantage over sampled tokens",
    "advantage/std": "standard deviation of the advantages over sampled tokens",
    "advantage/abs_max": "largest |advantage|",
    "advantage/zero_rows": "share of completions whose every advantage is 0",
    "imitation/loss": "negative log-likelihood per demonstrated token, nats",
}


def meaning(name: str) -> str:
    """What a metric is, in a line; "" of one that is not listed here."""
    return METRICS.get(name) or next((text for known, text in METRICS.items() if fnmatchcase(name, known)), "")


def is_known(name: str) -> bool:
    """True when `name` is in the list, or fits one of its `*` names."""
    return name in METRICS or any(fnmatchcase(name, pattern) for pattern in METRICS if "*" in pattern)
