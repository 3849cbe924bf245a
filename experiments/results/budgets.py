"""What the arms of a study were given, and in what they are alike: the other half of every comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.results.read import START, StudyResults

MEASURES = {  # of training beyond the shared start -> in words
    "prompts": "prompts",
    "completions": "completions",
    "tokens_sampled": "tokens sampled",
    "tokens_trained": "tokens trained on",
    "optimizer_steps": "optimizer steps",
    "labels": "labels",
    "verdicts": "ground-truth verdicts",
    "demonstrations": "demonstrations",
}
TOLERANCE = 0.05  # counts that differ by less are alike: lengths of completions differ between policies


def budgets(results: StudyResults) -> dict[str, Any]:
    """The budget of every arm, and what the arms that train on their own completions have in common.

    Returns:
        arms: {arm: {measure: amount, mean over seeds}}; measures that no arm has are left out;
        trained: arms that sampled completions in a training loop, which a comparison of RL and RLHF is about;
        matched, unmatched: measures in words, over these;
        same_prompts: they were asked the same problems at every step; None with fewer than two.
    """
    arms = {name: budget for name in results.arms if (budget := budget_of(results, name)) is not None}
    used = [m for m in MEASURES if any(budget.get(m) for budget in arms.values())]
    trained = [name for name, budget in arms.items() if budget.get("completions")]
    matched, unmatched = compare_budgets([arms[name] for name in trained])
    return {
        "measures": {m: MEASURES[m] for m in used},
        "arms": {name: {m: budget.get(m, 0.0) for m in used} for name, budget in arms.items()},
        "trained": trained,
        "matched": matched,
        "unmatched": unmatched,
        "same_prompts": same_prompts(results, trained) if len(trained) > 1 else None,
    }


def budget_of(results: StudyResults, name: str) -> dict[str, float] | None:
    """What an arm was given: its noted costs, and the prompts and completions of its training loop."""
    cost = results.training_cost(name)
    if cost is None or name == START:
        return None
    rows = [row for seed in results.seeds for row in results.metrics(name, seed) if "groups/sampled" in row]
    prompts = sum(row["groups/sampled"] for row in rows) / len(results.seeds)
    group_size = results.experiment.arms[name].rl_over(results.experiment).group_size
    return {**cost, "prompts": prompts, "completions": prompts * group_size}


def compare_budgets(arms: Sequence[Mapping[str, float]]) -> tuple[list[str], list[str]]:
    """Measures, in words, in which all of some arms are alike, and those in which they are not.

    What none of them has is neither.
    """
    matched: list[str] = []
    unmatched: list[str] = []
    for measure, words in MEASURES.items():
        amounts = [arm.get(measure, 0.0) for arm in arms]
        if len(amounts) < 2 or not any(amounts):
            continue
        is_alike = max(amounts) - min(amounts) <= TOLERANCE * max(amounts)
        (matched if is_alike else unmatched).append(words)
    return matched, unmatched


def same_prompts(results: StudyResults, arms: Sequence[str]) -> bool:
    """True when the completions that are kept of every step answer the same problems in all these arms."""
    for seed in results.seeds:
        asked = []
        for name in arms:
            found: dict[int, list[str]] = {}
            for row in results.samples(name, seed):
                found.setdefault(row["step"], []).append(row["problem"])
            asked.append({step: list(dict.fromkeys(problems)) for step, problems in found.items()})
        common = set.intersection(*(set(found) for found in asked))
        if not common or any(found[step] != asked[0][step] for found in asked for step in common):
            return False
    return True


def sentence(found: Mapping[str, Any]) -> str:
    """What a reader must know about the arms' budgets before comparing them."""
    if len(found["trained"]) < 2:
        return "All arms leave from the same start."
    names = ", ".join(found["trained"])
    text = f"All arms leave from the same start. {names}: "
    prompts = "the same problems at every step" if found["same_prompts"] else "not the same problems at every step"
    text += prompts
    if found["matched"]:
        text += f"; alike in {', '.join(found['matched'])}"
    if found["unmatched"]:
        text += f"; not alike in {', '.join(found['unmatched'])}"
    return text + "."
