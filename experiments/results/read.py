"""Reads a finished study back: evaluations as arrays paired by seed and problem, curves, cards, costs.

The one reader behind the final table, `beyond compare` and the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.config.arms.base import START
from experiments.config.arms.kinds import RlArm
from experiments.config.arms.rewards import PROXY
from experiments.config.components import build_env
from experiments.config.experiment import Experiment
from experiments.config.labels import labels_of_arms
from experiments.config.loading import load_resolved
from experiments.config.renamed import check_folder_names
from experiments.results.labels import Agreement, agreement_of
from experiments.results.policy import PolicyResults
from experiments.results.records import as_frame, check_kind, policy_row, problem_rows
from experiments.run.errors import UserError
from experiments.run.evaluations import SUPPORT
from experiments.run.folders import RunFolder, read_json, read_jsonl
from experiments.run.manifest import check_study_files
from experiments.run.sealed import read_sealed

if TYPE_CHECKING:
    import pandas

DEMONSTRATOR = "demonstrator"


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
    _read: dict[tuple[str, str, int], Any] = field(default_factory=dict, repr=False, compare=False)  # read once

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
    def headline(self) -> list[int]:
        """Levels of the one-line answer: `evaluation.headline_level`, or all trained levels that were tested."""
        level = self.experiment.evaluation.headline_level
        return self.trained if level is None else [level]

    @property
    def where(self) -> str:
        """The headline's levels in words."""
        level = self.experiment.evaluation.headline_level
        return f"over {span(self.trained)}" if level is None else f"at level {level}"

    @cached_property
    def trained(self) -> list[int]:
        """Tested levels that training draws problems from; all tested levels where it has none of them."""
        tested = self.policies[START].levels()
        return [level for level in tested if level in self.env_levels["trained"]] or tested

    @property
    def longer(self) -> list[int]:
        """Tested levels beyond those of training."""
        return [level for level in self.policies[START].levels() if level not in self.trained]

    @cached_property
    def env_levels(self) -> dict[str, list[int]]:
        """The environment's "trained" levels and those "beyond" them, as the study noted them."""
        if "levels" in self.study:
            return dict(self.study["levels"])
        env = build_env(self.experiment.env)[1]
        return {"trained": list(env.levels), "beyond": list(env.ood_levels)}

    @cached_property
    def demonstrator(self) -> PolicyResults | None:
        """The demonstrator's own answers to the test problems, as those of a policy without greedy completions.

        None without one, or where a study noted only its totals.
        """
        evaluations = [
            {"rows": found, "num_samples": min(row["n"] for row in found)}
            for lines, evaluation in zip(self.demonstrators, self.policies[START].evaluations)
            if (found := _demonstrator_rows(lines, evaluation))
        ]
        if not evaluations or len(evaluations) != len(self.seeds):
            return None
        return PolicyResults(DEMONSTRATOR, (), tuple(evaluations))

    def writers(self) -> list[str]:
        """Names of the demonstrator's writers; empty where it is one."""
        return list(dict.fromkeys(line["writer"] for line in self.demonstrators[0] if line.get("writer")))

    def metrics(self, arm: str, seed: int) -> list[dict[str, Any]]:
        """Rows of an arm's metrics.jsonl."""
        key = ("metrics", arm, seed)
        if key not in self._read:
            self._read[key] = RunFolder(self.folder / f"seed-{seed}" / arm).read_metrics()
        rows: list[dict[str, Any]] = self._read[key]
        return rows

    def curve(self, arm: str, metric: str, seed: int) -> list[tuple[float, float]]:
        """(step, value) of a metric where it was recorded."""
        found = [(row["step"], row[metric]) for row in self.metrics(arm, seed) if row.get(metric) is not None]
        return [(float(step), float(value)) for step, value in found]

    def last(self, arm: str, metric: str) -> float | None:
        """The mean over seeds of a metric's last value."""
        values = [curve[-1][1] for seed in self.seeds if (curve := self.curve(arm, metric, seed))]
        return float(np.mean(values)) if values else None

    def card(self, name: str, seed: int) -> dict[str, Any] | None:
        """A JSON file of a seed, e.g. "preferences/label_report.json"; None when the study has none."""
        path = self.folder / f"seed-{seed}" / name
        return read_json(path) if path.exists() else None

    def label_report(self, arm: str, seed: int) -> dict[str, Any] | None:
        """The card of whoever labelled for an arm; None for an arm that reads no labels."""
        name = arm.partition("/")[0]
        labels, own = labels_of_arms(self.experiment, self.experiment.arms).get(name), f"{name}/label_report.json"
        return self.card(own, seed) or (self.card(f"{labels.pairs}/label_report.json", seed) if labels else None)

    def reward_model(self, arm: str, seed: int) -> dict[str, Any] | None:
        """The card of the reward model that an arm maximises, or picks with; None where there is none."""
        name = arm.partition("/")[0]
        labels = labels_of_arms(self.experiment, self.experiment.arms).get(name)
        if labels is None or not self.experiment.arms[name].uses_reward_model:
            return None
        return self.card(f"{labels.reward_model}/reward.json", seed)

    def agreement(self, arm: str) -> Agreement | None:
        """How often an arm's labels, and its reward model, agree with ground truth; None without labelled pairs.

        Labels on single completions (kto) are of no pair.
        """
        cards = [card for seed in self.seeds if (card := self.label_report(arm, seed))]
        reports = [card for card in cards if "num_decisive" in card]
        models = [card for seed in self.seeds if (card := self.reward_model(arm, seed))]
        return agreement_of(reports, models) if reports else None

    def proxy_scores(self, arm: str, seed: int) -> dict[int, list[float]]:
        """step -> the reward model's mean score of the policy's answers to each validation problem, in their order."""
        path = self.folder / f"seed-{seed}" / arm / "proxy.jsonl"
        return {row["step"]: row["scores"] for row in read_jsonl(path)}

    def validation_rows(self, arm: str, seed: int) -> dict[int, dict[str, Any]]:
        """step -> the evaluation of validation problems after it; the latest, where a resumed run repeated a step."""
        found: dict[int, dict[str, Any]] = self._read[("validation", arm, seed)]
        return found

    def validation_levels(self, arm: str) -> list[int]:
        """The level of each validation problem that an arm was asked during training."""
        row = next(iter(self.validation_rows(arm, self.seeds[0]).values()))
        return [problem["level"] for problem in row["rows"]]

    def samples(self, arm: str, seed: int) -> list[dict[str, Any]]:
        """Rows of an arm's samples.jsonl."""
        return list(read_jsonl(self.folder / f"seed-{seed}" / arm / "samples.jsonl"))

    def support(self, policy: str, seed: int) -> list[dict[str, Any]]:
        """Rows of support.jsonl: right solutions of a policy to test problems, with the start's log-probability."""
        return list(read_jsonl(self.folder / f"seed-{seed}" / policy / SUPPORT))

    def warnings(self, arm: str, seed: int) -> list[str]:
        """What a person was told during the arm."""
        rows = read_jsonl(self.folder / f"seed-{seed}" / arm / "warnings.jsonl")
        return [row["message"] for row in rows]

    def records(self, of: str = "problems") -> list[dict[str, Any]]:
        """Plain rows of the study.

        Args:
            of: "problems" (a row per policy, seed and test problem), "policies" (per policy and seed) or "metrics"
                (per arm, seed and step).
        Raises:
            ValueError: another `of`.
        """
        check_kind(of)
        if of == "metrics":
            named = [(arm, seed) for arm in (START, *self.arms) for seed in self.seeds]
            return [{"arm": arm, "seed": seed, **row} for arm, seed in named for row in self.metrics(arm, seed)]
        tested = [(p.name, seed, e) for p in self.policies.values() for seed, e in zip(self.seeds, p.evaluations)]
        if of == "policies":
            return [policy_row(*each) for each in tested]
        return [row for each in tested for row in problem_rows(*each)]

    def to_frame(self, of: str = "problems") -> pandas.DataFrame:
        """`records(of)` as a pandas DataFrame.

        Raises:
            UserError: pandas is not installed.
        """
        return as_frame(self.records(of))

    def seconds(self, *stages: str) -> float:
        """Wall seconds of these stages, summed over seeds."""
        return sum(row["seconds"] for row in self.study["stages"] if row["stage"] in stages)


class NotEvaluatedError(UserError):
    """A study that has no evaluation yet."""


def load_study(folder: str | Path) -> StudyResults:
    """The results of a study.

    Raises:
        UserError: the folder holds no study, or none of its arms was evaluated.
    """
    folder = Path(folder)
    study = read_sealed(folder / "study.json", "state", "seeds", "stages", "problems")
    check_folder_names(folder)
    check_study_files(folder, study)
    experiment = load_resolved(folder / "config.yaml")
    seeds = [seed for seed in experiment.seeds if (folder / f"seed-{seed}" / START / "evals.jsonl").exists()]
    if not seeds:
        raise NotEvaluatedError(f"{folder}: no seed of this study was evaluated yet (state: {study['state']})")
    experiment = experiment.model_copy(update={"seeds": tuple(seeds)})
    policies: dict[str, PolicyResults] = {}
    asked: dict[tuple[str, str, int], Any] = {}
    for arm in (START, *experiment.arms):
        for name in (arm, *further_policies(folder / f"seed-{seeds[0]}" / arm)):
            folders = tuple(folder / f"seed-{seed}" / name for seed in seeds)
            rows = [list(read_jsonl(path / "evals.jsonl")) for path in folders]
            asked |= {("validation", name, seed): _by_step(found) for seed, found in zip(seeds, rows)}
            tests = [[row for row in found if row["step"] is None] for found in rows]
            if all(tests):
                evaluations = tuple(found[-1] for found in tests)
                check_comparable(evaluations)
                policies[name] = PolicyResults(name, folders, evaluations)
    demonstrators = [
        read_json(path) for seed in seeds if (path := folder / f"seed-{seed}" / START / "demonstrator.json").exists()
    ]
    return StudyResults(folder, experiment, study, policies, demonstrators, asked)


def _by_step(rows: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """step -> the evaluation of validation problems after it; the latest, where a resumed run repeated a step."""
    return {row["step"]: row for row in rows if row["split"] == "validation" and row["step"] is not None}


def _demonstrator_rows(lines: Sequence[Mapping[str, Any]], evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The demonstrator's counts on the problems of an evaluation, in its order; empty where not all are there."""
    counts = {row[0]: row for line in lines if line.get("writer") is None for row in line.get("problems", ())}
    if any(row["id"] not in counts for row in evaluation["rows"]):
        return []
    found = []
    for row in evaluation["rows"]:
        _, n, answer, verified = counts[row["id"]]
        greedy = {"greedy_answer": None, "greedy_solution": None}
        found.append(
            {"id": row["id"], "level": row["level"], "n": n, "c_answer": answer, "c_solution": verified, **greedy}
        )
    return found


def span(levels: Sequence[int]) -> str:
    """Levels in words: level 4, levels 1 to 6, levels 1, 3, 4."""
    if len(levels) == 1:
        return f"level {levels[0]}"
    if list(levels) == list(range(levels[0], levels[-1] + 1)):
        return f"levels {levels[0]} to {levels[-1]}"
    return f"levels {', '.join(map(str, levels))}"


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
