"""All figures of a report as plain JSON: tables, curves, cards, claims, samples, costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from experiments.hypotheses.keeping import report_of
from experiments.report.claims import study_claims
from experiments.report.samples import side_by_side
from experiments.results.budgets import budgets, sentence
from experiments.results.compare import MARGIN
from experiments.results.policy import Levels
from experiments.results.read import START, StudyResults
from experiments.results.statistics.intervals import Interval, mean_interval
from experiments.results.statistics.spread import spread_of
from experiments.results.tables import arm_rows, cheapest_that_will_do, cost_rows
from experiments.run.evaluations import PASS_AT
from experiments.run.folders import read_json
from experiments.run.sealed import read_sealed


def study_figures(results: StudyResults) -> dict[str, Any]:
    """Everything that the templates and charts show."""
    levels = results.headline
    policies = list(results.policies)
    experiment = results.experiment
    agreements = {arm: found for arm in results.arms if (found := results.agreement(arm)) is not None}
    return {
        "name": experiment.name,
        "seeds": list(results.seeds),
        "state": results.study["state"],
        "headline_levels": levels,
        "where": results.where,
        "longer_levels": results.longer,
        "split": experiment.evaluation.split,
        "labels": {name: results.label(name) for name in policies},
        "claims": study_claims(results),
        "hypotheses": report_of(results),
        "headline": plain_rows(arm_rows(results, levels)),
        "longer": plain_rows(arm_rows(results, results.longer)) if results.longer else [],
        "budgets": (given := budgets(results)),
        "budget_sentence": sentence(given),
        "costs": cost_rows(results, levels),
        "cheapest": cheapest(results, levels),
        "levels": by_level(results),
        "trained_levels": trained_levels(results),
        "pass_at": pass_curves(results),
        "curves": {name: training_curves(results, name) for name in results.arms},
        "held_out": {name: held_out_curve(results, name) for name in results.arms},
        "proxy_arms": results.proxy_arms,
        "fidelity": {name: fidelity_curve(results, name) for name in results.proxy_arms},
        "validation": {name: validation_curve(results, name) for name in results.proxy_arms},
        "snapshots": snapshot_cards(results),
        "best_of_n": best_of_n_curves(results),
        "label_report": label_report(results),
        "reward_model": next((c for a in results.arms if (c := results.reward_model(a, results.seeds[0]))), None),
        "agreement": {arm: found.to_json() for arm, found in agreements.items()},
        "agreement_in_words": {arm: str(found) for arm, found in agreements.items()},
        "imitation": results.card(f"{START}/imitation.json", results.seeds[0]),
        "samples": side_by_side(results),
        "warnings": {
            name: [(seed, m) for seed in results.seeds for m in results.warnings(name, seed)] for name in results.arms
        },
        "phases": {name: phase_means(results, name) for name in results.arms},
        "stages": results.study["stages"],
        "total_seconds": sum(row["seconds"] for row in results.study["stages"]),
        "provenance": (
            provenance := read_sealed(results.folder / "provenance.json", "commit", "began", "packages", "machine")
        ),
        "date": str(provenance["began"])[:10],
        "problems": results.study["problems"],
        "config": (results.folder / "config.yaml").read_text(),
    }


def cheapest(results: StudyResults, levels: Levels) -> dict[str, Any] | None:
    """The cheapest policy that will do, beside the most accurate one; None where costs were not noted."""
    name = cheapest_that_will_do(results, levels, MARGIN)
    if name is None:
        return None
    best = max(results.policies, key=lambda n: results.policies[n].mean(levels=levels))
    figures = {
        key: {
            "label": results.label(policy),
            "sampled": plain(results.policies[policy].interval(levels=levels)),
            "flop": results.policies[policy].flop_per_answer,
            "parameters": results.policies[policy].fact("parameters"),
        }
        for key, policy in (("cheapest", name), ("best", best))
    }
    return {**figures, "margin": MARGIN, "is_best": name == best}


def fidelity_curve(results: StudyResults, arm: str) -> dict[str, Any]:
    """Per seed: what the reward model was worth on fresh pairs of the policy, over training."""
    names = {
        "labels": "eval/reward_model_accuracy_labels",
        "gold": "eval/reward_model_accuracy_gold",
        "log_loss": "eval/reward_model_log_loss_labels",
        "ece": "eval/reward_model_ece_labels",
        "misled": "eval/annotator_false_positive_rate",
        "proxy": "eval/proxy",
        "solution": "eval/mean_solution",
        "kl": "eval/kl",
    }
    return _curves(results, arm, names, wherever="eval/kl")


def validation_curve(results: StudyResults, arm: str) -> dict[str, list[Any]]:
    """Verified share and proxy on validation problems by step, over all seeds, each with its interval.

    Steps at which some seed was not asked are left out; so is the proxy where it was not kept by problem.
    """
    asked = [results.validation_rows(arm, seed) for seed in results.seeds]
    scores = [results.proxy_scores(arm, seed) for seed in results.seeds]
    steps = sorted(set.intersection(*(set(rows) for rows in asked)))
    curve: dict[str, list[Any]] = {"step": steps, "solution": [], "proxy": []}
    for step in steps:
        rows = [found[step]["rows"] for found in asked]
        levels = [row["level"] for row in rows[0]]
        shares = np.array([[row["c_solution"] / row["n"] for row in found] for found in rows])
        curve["solution"].append(plain(mean_interval(shares, levels)))
        if all(step in found for found in scores):
            values = np.array([found[step] for found in scores])
            proxy = spread_of(values, levels, kind="difference")
            half = proxy.half_width()
            curve["proxy"].append({"value": proxy.mean, "low": proxy.mean - half, "high": proxy.mean + half})
        else:
            curve["proxy"].append(None)
    return curve


def label_report(results: StudyResults) -> dict[str, Any] | None:
    """The first card of labelled pairs (first seed); None without one. Labels on single completions are of no pair."""
    cards = (results.label_report(arm, results.seeds[0]) for arm in results.arms)
    return next((card for card in cards if card is not None and "num_decisive" in card), None)


def snapshot_cards(results: StudyResults) -> dict[str, list[dict[str, Any]]]:
    """For every earlier policy that was kept: the step, the gold and the KL of each seed."""
    parts = [name for name in results.policies if "/" in name]
    cards: dict[str, list[dict[str, Any]]] = {}
    for name in parts:
        found = [results.card(f"{name}/snapshot.json", seed) for seed in results.seeds]
        cards[name] = [card for card in found if card is not None]
    return {name: rows for name, rows in cards.items() if rows}


def best_of_n_curves(results: StudyResults) -> dict[str, list[dict[str, Any]]]:
    """Gold and score over n, for arms that choose among samples (first seed)."""
    paths = {name: results.folder / f"seed-{results.seeds[0]}" / name / "best_of_n.json" for name in results.arms}
    return {name: read_json(path) for name, path in paths.items() if path.exists()}


def plain_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the arms' table with intervals as mappings and every column present."""
    columns = (
        "arm",
        "sampled",
        "greedy",
        "answer",
        "pass_k",
        "pass",
        "over_start",
        "greedy_p",
        "kl",
        "seconds",
    )
    return [{c: plain(row.get(c)) for c in columns} for row in rows]


def plain(value: Any) -> Any:
    """An interval as a mapping; everything else as it is."""
    return asdict(value) if isinstance(value, Interval) else value


def trained_levels(results: StudyResults) -> dict[str, list[int]]:
    """Levels that demonstrations cover, and levels of RL prompts."""
    lines = results.demonstrators[0] if results.demonstrators else []
    covered = [line["level"] for line in lines if line["is_covered"] and line.get("writer") is None]
    return {"demonstrations": covered, "rl": results.env_levels["trained"], "beyond": results.env_levels["beyond"]}


def by_level(results: StudyResults) -> dict[str, Any]:
    """Accuracy of every policy at every level: sampled and greedy, verified and answers."""
    levels = results.policies[START].levels()
    human = results.demonstrator
    demonstrator = [None if human is None else plain(human.interval(levels=lv)) for lv in levels]
    table: dict[str, Any] = {"levels": levels, "demonstrator": demonstrator, "writers": writers_by_level(results)}
    for name, policy in results.policies.items():
        table[name] = {
            "sampled": [plain(policy.interval("sampled", "solution", lv)) for lv in levels],
            "greedy": [policy.mean("greedy", "solution", lv) for lv in levels] if policy.has_greedy else None,
            "answer": [policy.mean("sampled", "answer", lv) for lv in levels],
        }
    return table


def writers_by_level(results: StudyResults) -> dict[str, list[float | None]]:
    """The verified share of each of the demonstrator's writers at every tested level, mean over seeds."""
    found: dict[str, list[float | None]] = {}
    for writer in results.writers() if results.demonstrators else []:
        lines = [line for lines in results.demonstrators for line in lines if line.get("writer") == writer]
        shares = [
            [line["parts"].get("solution", line["accuracy"]) for line in lines if line["level"] == level]
            for level in results.policies[START].levels()
        ]
        found[writer] = [sum(values) / len(values) if values else None for values in shares]
    return found


def pass_curves(results: StudyResults) -> dict[str, Any]:
    """Unbiased pass@k at the lowest level of the headline and at the two above it, verified and by answer alone."""
    num_samples = results.policies[START].evaluations[0]["num_samples"]
    ks = [k for k in PASS_AT if k <= num_samples]
    levels = results.policies[START].levels()
    first = results.headline[0]
    shown = [lv for lv in levels if lv >= first][:3]
    curves = {
        str(lv): {
            name: {of: [policy.pass_at(k, of, lv) for k in ks] for of in ("solution", "answer")}
            for name, policy in results.policies.items()
            if policy.evaluations[0]["num_samples"] == num_samples
        }
        for lv in shown
    }
    return {"ks": ks, "levels": curves}


def training_curves(results: StudyResults, arm: str) -> dict[str, Any]:
    """Per seed: step, sampled tokens, KL, gold and reward of every training step."""
    names = {
        "gold": "gold/correct",
        "solution": "gold/part/solution",
        "reward": "reward/mean",
        "proxy": "reward/part/proxy",
        "kl": "policy/kl",
        "entropy": "policy/entropy",
        "length": "completion/tokens_mean",
        "no_signal": "groups/no_signal",
        "truncated": "finish/length",
        "tokens": "tokens/sampled_total",
    }
    return _curves(results, arm, names, wherever="reward/mean")


def _curves(results: StudyResults, arm: str, names: Mapping[str, str], *, wherever: str) -> dict[str, Any]:
    """Per seed: the steps at which the metric `wherever` was recorded, and beside each the metrics by these names."""
    curves = {}
    for seed in results.seeds:
        rows = [row for row in results.metrics(arm, seed) if row.get(wherever) is not None]
        columns = {key: [row.get(metric) for row in rows] for key, metric in names.items()}
        curves[str(seed)] = {"step": [row["step"] for row in rows], **columns}
    return curves


def held_out_curve(results: StudyResults, arm: str) -> dict[str, Any]:
    """Per seed: accuracy and step sizes on validation problems over training."""
    curves = {}
    for seed in results.seeds:
        tokens = {0.0: 0.0, **dict(results.curve(arm, "tokens/sampled_total", seed))}
        latest = results.validation_rows(arm, seed)
        steps = sorted(latest)
        curves[str(seed)] = {
            "step": steps,
            "tokens": [tokens.get(float(s)) for s in steps],
            "solution": [latest[s]["summary"]["mean_solution"] for s in steps],
            "answer": [latest[s]["summary"]["mean_answer"] for s in steps],
            "step_sizes": [step_size_shares(latest[s]) for s in steps],
        }
    return curves


def phase_means(results: StudyResults, arm: str) -> dict[str, float]:
    """Mean over the steps of an arm: wall seconds by phase, speeds, idle workers; empty without a training loop."""
    rows = [row for seed in results.seeds for row in results.metrics(arm, seed) if "time/step_seconds" in row]
    every: set[str] = set().union(*rows)
    names = sorted(name for name in every if name.startswith(("time/", "speed/", "workers/")))
    means = {}
    for name in names:
        values = [row[name] for row in rows if row.get(name) is not None]
        means[name] = sum(values) / len(values)
    return means


def step_size_shares(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Share of solution steps by size; "0" is malformed."""
    counts: dict[str, int] = {}
    for row in evaluation["rows"]:
        for size, count in row.get("step_sizes", {}).items():
            key = size if int(size) < 4 else "4+"
            counts[key] = counts.get(key, 0) + count
    total = sum(counts.values())
    return {key: counts[key] / total for key in sorted(counts)} if total else {}
