"""Reads a finished study back: evaluations as arrays paired by seed and problem, curves, cards, costs.

The one reader behind the final table, `beyond compare` and the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config.arms import PROXY, START, RlArm
from experiments.config.experiment import Experiment
from experiments.config.loading import load_resolved
from experiments.config.renamed import check_folder_names
from experiments.results.stats import Interval, hierarchical_bootstrap
from experiments.run.errors import UserError
from experiments.run.evaluations import final_evaluations, read_evaluation
from experiments.run.folders import RunFolder, read_json, read_jsonl, read_object
from rl.functional.estimators import pass_at_k


@dataclass(frozen=True)
class PolicyResults:
    """A policy's frozen-test results over the seeds of a study.

    Attributes:
        name: the arm, an earlier policy of it (arm/part), or "sft", the policy that all start from.
        folders: one run folder per seed.
        evaluations: one row of evals.jsonl per seed; the problems are the same in all.
    """

    name: str
    folders: tuple[Path, ...]
    evaluations: tuple[dict[str, Any], ...]

    @property
    def has_greedy(self) -> bool:
        """False for a policy that chooses among samples: it has no greedy completion."""
        return self.evaluations[0]["rows"][0]["greedy_verified"] is not None

    def fact(self, name: str) -> float | None:
        """The mean over seeds of what was noted beside the evaluations; None where nothing was."""
        values = [e[name] for e in self.evaluations if e.get(name) is not None]
        return float(np.mean(values)) if values else None

    @property
    def flop_per_answer(self) -> float | None:
        """2 N floating-point operations for every token read or written; None for evaluations that did not note N."""
        parameters, read = self.fact("parameters"), self.fact("prompt_tokens")
        written = self.fact("tokens_per_answer")
        if parameters is None or read is None or written is None:
            return None
        return 2.0 * parameters * (read + written)

    def levels(self) -> list[int]:
        """Levels of the test problems, ascending."""
        return sorted({row["level"] for row in self.evaluations[0]["rows"]})

    def by_part(self) -> dict[str, float]:
        """Verified share of the sampled completions for each part of a mixture, over all seeds; {} for others."""
        found: dict[str, list[float]] = {}
        for row in (row for evaluation in self.evaluations for row in evaluation["rows"] if row.get("part")):
            found.setdefault(row["part"], []).append(row["c_verified"] / row["n"])
        return {part: float(np.mean(shares)) for part, shares in found.items()}

    def values(self, kind: str = "sampled", of: str = "verified", level: int | None = None) -> np.ndarray:
        """[seeds, problems] of the share of right completions (sampled) or 0/1 (greedy).

        Args:
            kind: "sampled" or "greedy".
            of: "verified" or "answer".
            level: only problems of this level; None: all.
        """

        def value(row: Mapping[str, Any]) -> float:
            """The figure of one problem."""
            return float(row[f"greedy_{of}"]) if kind == "greedy" else row[f"c_{of}"] / row["n"]

        return np.array(
            [
                [value(row) for row in evaluation["rows"] if level is None or row["level"] == level]
                for evaluation in self.evaluations
            ]
        )

    def interval(self, kind: str = "sampled", of: str = "verified", level: int | None = None) -> Interval:
        """Mean over seeds and problems with its 95 % interval."""
        return hierarchical_bootstrap(self.values(kind, of, level))

    def pass_at(self, k: int, of: str = "verified", level: int | None = None) -> float:
        """Unbiased pass@k, mean over problems and seeds."""
        rows = [r for e in self.evaluations for r in e["rows"] if level is None or r["level"] == level]
        return float(np.mean([float(pass_at_k(r["n"], r[f"c_{of}"], k)) for r in rows]))

    def leaps(self, level: int | None = None) -> dict[int, int]:
        """How many lines of the sampled solutions carried out 1, 2, ... operations (0: malformed)."""
        found: dict[int, int] = {}
        for evaluation in self.evaluations:
            for row in evaluation["rows"]:
                if level is None or row["level"] == level:
                    for leap, count in row.get("leaps", {}).items():
                        found[int(leap)] = found.get(int(leap), 0) + count
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class StudyResults:
    """Everything that a table or report shows about a study.

    Attributes:
        policies: "sft" first, then the arms in the config's order, each followed by the earlier policies of its
            training that were tested ("arm/part").
        demonstrators: demonstrator.json of every seed; empty without imitation.
    """

    folder: Path
    experiment: Experiment
    study: dict[str, Any]
    policies: dict[str, PolicyResults]
    demonstrators: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the study."""
        return self.experiment.seeds

    @property
    def arms(self) -> list[str]:
        """Arms that were tested, in the config's order."""
        return [name for name in self.experiment.arms if name in self.policies]

    @property
    def proxy_arms(self) -> list[str]:
        """Arms that maximise the learned reward model alone."""
        arms = ((name, self.experiment.arms[name]) for name in self.arms)
        return [name for name, arm in arms if isinstance(arm, RlArm) and arm.reward.name == PROXY]

    def label(self, name: str) -> str:
        """What a person reads for a policy."""
        arm, _, part = name.partition("/")
        return arm + (f", {part.replace('-', ' ')}" if part else "")

    def training_cost(self, arm: str) -> dict[str, float] | None:
        """What the arm's training cost, mean over seeds; None for the start and for earlier policies of an arm."""
        rows = [card["cost"] for seed in self.seeds if (card := self.card(f"{arm}/training.json", seed))]
        if not rows or "/" in arm:
            return None
        return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}

    @property
    def headline_level(self) -> int | None:
        """The level of the one-line answer."""
        return self.experiment.evaluation.headline_level

    def demonstrator(self, level: int | None = None, part: str = "verified") -> float | None:
        """The demonstrator's own accuracy on the test problems: at a level, or over all that it covers."""
        lines = [
            line
            for lines in self.demonstrators
            for line in lines
            if line.get("writer") is None and (line["level"] == level if level is not None else line["is_covered"])
        ]
        if not lines:
            return None
        total = sum(line["num_solutions"] for line in lines)
        return sum(line["num_solutions"] * line["parts"].get(part, line["accuracy"]) for line in lines) / total

    def metrics(self, arm: str, seed: int) -> list[dict[str, Any]]:
        """Rows of an arm's metrics.jsonl."""
        return RunFolder(self.folder / f"seed-{seed}" / arm).read_metrics()

    def curve(self, arm: str, metric: str, seed: int) -> list[tuple[float, float]]:
        """(step, value) of a metric where it was recorded."""
        found = [(row["step"], row[metric]) for row in self.metrics(arm, seed) if row.get(metric) is not None]
        return [(float(step), float(value)) for step, value in found]

    def last(self, arm: str, metric: str) -> float | None:
        """The mean over seeds of a metric's last value."""
        values = [curve[-1][1] for seed in self.seeds if (curve := self.curve(arm, metric, seed))]
        return float(np.mean(values)) if values else None

    def card(self, name: str, seed: int) -> dict[str, Any] | None:
        """A JSON file of a seed, e.g. "preferences/labeller.json"; None when the study has none."""
        path = self.folder / f"seed-{seed}" / name
        return read_json(path) if path.exists() else None

    def samples(self, arm: str, seed: int) -> list[dict[str, Any]]:
        """Rows of an arm's samples.jsonl."""
        return list(read_jsonl(self.folder / f"seed-{seed}" / arm / "samples.jsonl"))

    def warnings(self, arm: str, seed: int) -> list[str]:
        """What a person was told during the arm."""
        rows = read_jsonl(self.folder / f"seed-{seed}" / arm / "warnings.jsonl")
        return [row["message"] for row in rows]

    def seconds(self, *stages: str) -> float:
        """Wall seconds of these stages, summed over seeds."""
        return sum(row["seconds"] for row in self.study["stages"] if row["stage"] in stages)


class NotEvaluatedError(UserError):
    """A study that has no evaluation yet."""


def load_study(folder: Path) -> StudyResults:
    """The results of a study.

    Raises:
        UserError: the folder holds no study, or none of its arms was evaluated.
    """
    study = read_object(folder / "study.json", "state", "seeds", "stages", "problems")
    check_folder_names(folder)
    experiment = load_resolved(folder / "config.yaml")
    seeds = [seed for seed in experiment.seeds if (folder / f"seed-{seed}" / START / "evals.jsonl").exists()]
    if not seeds:
        raise NotEvaluatedError(f"{folder}: no seed of this study was evaluated yet (state: {study['state']})")
    experiment = experiment.model_copy(update={"seeds": tuple(seeds)})
    policies = {}
    for arm in (START, *experiment.arms):
        for name in (arm, *further_policies(folder / f"seed-{seeds[0]}" / arm)):
            folders = tuple(folder / f"seed-{seed}" / name for seed in seeds)
            if all(final_evaluations(path) for path in folders):
                evaluations = tuple(read_evaluation(path) for path in folders)
                check_comparable(evaluations)
                policies[name] = PolicyResults(name, folders, evaluations)
    demonstrators = [
        read_json(path) for seed in seeds if (path := folder / f"seed-{seed}" / START / "demonstrator.json").exists()
    ]
    return StudyResults(folder, experiment, study, policies, demonstrators)


def further_policies(arm: Path) -> list[str]:
    """Names (arm/part) of the other policies of an arm's training that were tested."""
    return [f"{arm.name}/{path.parent.name}" for path in sorted(arm.glob("*/evals.jsonl"))]


def check_comparable(evaluations: Sequence[Mapping[str, Any]]) -> None:
    """Refuses evaluations of different problems.

    Raises:
        UserError: their problem sets differ.
    """
    hashes = {evaluation["problems_hash"] for evaluation in evaluations}
    if len(hashes) > 1:
        raise UserError(
            f"evaluations on different problems cannot be compared (problem sets {', '.join(sorted(hashes))}): "
            "evaluate them on the same environment, split, seed and number of problems"
        )
