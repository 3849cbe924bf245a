"""Online DPO: rounds of sampling from the current policy, labelling, and a DPO fit (Guo et al. 2402.04792).

The label budget is split evenly over the rounds, so an online run and an offline one cost the same judgements. The
judge is any annotator: a modelled person, or the verifier itself (the preset `perfect`). The reference stays the start
policy throughout. Labels of earlier rounds are not used again: they are off-policy by then.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rl.preference.direct.dpo import DpoCard, DpoSettings, fit_dpo
from rl.preference.fit_checkpoints import FitCheckpoints
from rl.preference.labels.annotators import Annotator
from rl.preference.labels.comparisons import PairSelector, collect_comparisons, load_comparisons, save_comparisons
from rl.preference.labels.label_report import LabelReport
from rl.records.recorder import Recorder
from rl.types import Comparison, Group

COMPARISONS_FILE, LABELS_FILE, ROUND_FILE = "comparisons.jsonl", "labels.json", "round.json"


@dataclass(frozen=True)
class OnlineRound:
    """One round: who labelled what, and what the fit did."""

    round: int
    label_report: LabelReport
    fit: DpoCard
    tokens_sampled: int

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return {**asdict(self), "label_report": self.label_report.to_json()}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> OnlineRound:
        """The round that `to_json` wrote."""
        labels, fit = LabelReport.from_json(row["label_report"]), DpoCard(**row["fit"])
        return cls(row["round"], labels, fit, row["tokens_sampled"])


def fit_online_dpo(
    policy_folder: Path | str,
    sample: Callable[[Path, int], Sequence[Group]],
    annotator: Annotator,
    settings: DpoSettings,
    out_folder: Path | str,
    recorder: Recorder,
    *,
    rounds: int,
    num_pairs: int,
    seed: int,
    selector: PairSelector | None = None,
    max_per_problem: int | None = None,
    stage: str = "online_dpo",
    after_round: Callable[[Path, OnlineRound], None] | None = None,
    identity: Mapping[str, Any] | None = None,
) -> list[OnlineRound]:
    """Runs the rounds; the last policy is in `out_folder`/round_<rounds>/policy, each round's labels beside it.

    Called again with the same folder it goes on with the round that was not finished: a finished round is not run
    again, and labels that were bought are not bought again. Only the last finished round's policy is kept.

    Args:
        sample: (folder of the current policy, round from 0) -> graded groups of its completions of fresh problems.
        num_pairs: judgements in all; num_pairs // rounds in each round.
        after_round: told the folder of a finished round's policy and its report, e.g. to evaluate.
        identity: of this fit, which checkpoints must have.
    Raises:
        ValueError: fewer judgements than rounds, or a round without two different completions of any problem.
    """
    if rounds < 1 or num_pairs < rounds:
        raise ValueError(f"{num_pairs} judgements for {rounds} rounds: expected at least one judgement per round")
    current = Path(policy_folder)
    done: list[OnlineRound] = []
    for number in range(rounds):
        folder = Path(out_folder) / f"round_{number + 1}"
        finished = _read_round(folder)
        if finished is None:
            if recorder.stop_requested:
                break
            if not (folder / LABELS_FILE).exists():
                rng = random.Random(f"online dpo {seed} {number}")
                groups = sample(current, number)
                comparisons, card = collect_comparisons(
                    groups, annotator, num_pairs // rounds, rng, selector=selector, max_per_problem=max_per_problem
                )
                _save_labels(folder, comparisons, card, groups)
            fit = fit_dpo(
                current,
                load_comparisons(folder / COMPARISONS_FILE),
                settings,
                folder / "policy",
                recorder,
                reference_folder=policy_folder,
                stage=f"{stage}_round_{number + 1}",
                checkpoints=FitCheckpoints(folder / "checkpoints", identity and {**identity, "round": number + 1}),
            )
            if fit.interrupted:
                break
            labels = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))
            finished = OnlineRound(
                number + 1, LabelReport.from_json(labels["label_report"]), fit, labels["tokens_sampled"]
            )
            if after_round is not None:
                after_round(folder / "policy", finished)
            _write(folder / ROUND_FILE, finished.to_json())
        if done:  # the round before needs its policy no longer
            shutil.rmtree(current, ignore_errors=True)
        done.append(finished)
        recorder.progress(stage, number + 1, rounds, f"margin {finished.fit.margin_after:.2f}")
        current = folder / "policy"
    return done


def _read_round(folder: Path) -> OnlineRound | None:
    """A finished round; None when it is not."""
    file = folder / ROUND_FILE
    return OnlineRound.from_json(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def _save_labels(folder: Path, comparisons: Sequence[Comparison], card: LabelReport, groups: Sequence[Group]) -> None:
    """The labels that were bought; LABELS_FILE comes last, and says that they are whole."""
    folder.mkdir(parents=True, exist_ok=True)
    save_comparisons(comparisons, folder / COMPARISONS_FILE)
    tokens = sum(t.num_sampled for group in groups for t in group.trajectories)
    _write(folder / LABELS_FILE, {"label_report": card.to_json(), "tokens_sampled": tokens})


def _write(path: Path, row: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
