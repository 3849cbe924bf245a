"""Online DPO: rounds of sampling from the current policy, labelling, and a DPO fit (Guo et al. 2402.04792).

The label budget is split evenly over the rounds, so an online run and an offline one cost the same judgements. The
judge is any annotator: a modelled person, or the verifier itself (the preset `perfect`). The reference stays the start
policy throughout. Labels of earlier rounds are not used again: they are off-policy by then.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rl.preference.annotators import Annotator
from rl.preference.comparisons import PairSelector, collect_comparisons, save_comparisons
from rl.preference.dpo import DpoCard, DpoSettings, fit_dpo
from rl.preference.labeller_card import LabellerCard
from rl.recorder import Recorder
from rl.types import Group


@dataclass(frozen=True)
class OnlineRound:
    """One round: who labelled what, and what the fit did."""

    round: int
    labeller: LabellerCard
    fit: DpoCard
    tokens_sampled: int

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return {**asdict(self), "labeller": self.labeller.to_json()}


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
) -> list[OnlineRound]:
    """Runs the rounds; the last policy is in `out_folder`/round_<rounds>, each round's comparisons beside it.

    Args:
        sample: (folder of the current policy, round from 0) -> graded groups of its completions of fresh problems.
        num_pairs: judgements in all; num_pairs // rounds in each round.
    Raises:
        ValueError: fewer judgements than rounds, or a round without two different completions of any problem.
    """
    if rounds < 1 or num_pairs < rounds:
        raise ValueError(f"{num_pairs} judgements for {rounds} rounds: expected at least one judgement per round")
    current, done = Path(policy_folder), []
    for number in range(rounds):
        if recorder.stop_requested:
            break
        groups = sample(current, number)
        rng = random.Random(f"online dpo {seed} {number}")
        comparisons, card = collect_comparisons(
            groups, annotator, num_pairs // rounds, rng, selector=selector, max_per_problem=max_per_problem
        )
        folder = Path(out_folder) / f"round_{number + 1}"
        fit = fit_dpo(current, comparisons, settings, folder, recorder, reference_folder=policy_folder, stage=stage)
        if fit.interrupted:
            break
        save_comparisons(comparisons, folder / "comparisons.jsonl")
        tokens = sum(len(t.completion.tokens) for group in groups for t in group.trajectories)
        done.append(OnlineRound(number + 1, card, fit, tokens))
        recorder.progress(stage, number + 1, rounds, f"margin {fit.margin_after:.2f}")
        current = folder
    return done
