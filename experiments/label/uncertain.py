"""Active choice: first the pairs that a study's reward model is least sure of, in one order that is kept for everybody.

Uncertainty sampling (Lewis and Gale 1994) with one reward model; where it is an ensemble, the disagreement of its
members on the pair, as Christiano et al. 2017 (arXiv:1706.03741, section 2.2.4) ask people.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.config.labels import labels_of_arms
from experiments.config.loading import load_resolved
from experiments.run.errors import UserError
from experiments.run.folders import read_object
from rl.files import write_whole
from rl.preference.labels.comparisons import Pair

if TYPE_CHECKING:
    from rl.rewards.proxy import ProxyReward

CARD = "reward.json"  # of a reward model that is fitted


def reward_model_folder(study: Path, arm: str, seed: int) -> Path:
    """Of the reward model that the arm maximises, or picks with; of another arm the first of the study.

    Raises:
        UserError: no arm of the study uses one, or it is not fitted yet.
    """
    experiment = load_resolved(study / "config.yaml")
    labels = labels_of_arms(experiment, experiment.arms)
    folders = {
        name: study / f"seed-{seed}" / found.reward_model
        for name, found in labels.items()
        if experiment.arms[name].uses_reward_model
    }
    if not folders:
        raise UserError(
            f"--choose uncertain asks the study's reward model, and {study} has none: no arm has `reward: proxy` or "
            "picks with one; take --choose random"
        )
    folder = folders.get(arm.partition("/")[0], next(iter(folders.values())))
    if not (folder / CARD).exists():
        raise UserError(
            f"--choose uncertain asks the study's reward model, and {folder} holds none that is fitted: run the study "
            "as far as that, or take --choose random"
        )
    return folder


def uncertainties(reward: ProxyReward, pairs: Sequence[Pair]) -> list[float]:
    """How unsure the reward model is of each pair: 0 where it is sure.

    With one member 0.5 - |p - 0.5|, p being sigmoid(score - score), so 0.5 at most; with several the standard
    deviation of their p.
    """
    sides = {side.uid: side for pair in pairs for side in (pair.first, pair.second)}
    tokens = [(side.prompt_tokens, side.completion.tokens) for side in sides.values()]
    members = [dict(zip(sides, member.score(tokens))) for member in reward.members] if tokens else []
    found = []
    for pair in pairs:
        margins = (scores[pair.first.uid] - scores[pair.second.uid] for scores in members)
        chances = [1 / (1 + math.exp(-max(min(margin, 500.0), -500.0))) for margin in margins]
        found.append(0.5 - abs(chances[0] - 0.5) if len(chances) == 1 else statistics.pstdev(chances))
    return found


def kept_order(file: Path, pairs: Sequence[Pair], value: Callable[[Sequence[Pair]], Sequence[float]]) -> list[Pair]:
    """The pairs as they are to be asked; `file` holds their order from the first call on.

    Of every problem its pair with the largest value, by falling value, then of every problem the second, and so on.
    The order is kept since a sum in floating point may come out otherwise on another machine, and answers belong to
    positions.

    Raises:
        UserError: the file is of other pairs.
    """
    known = {(pair.first.uid, pair.second.uid): pair for pair in pairs}
    if file.exists():
        kept = read_object(file, "pairs")["pairs"]
        order = [tuple(uids) if isinstance(uids, list) else () for uids in kept] if isinstance(kept, list) else []
        if set(order) != set(known) or len(order) != len(known):
            raise UserError(f"{file} keeps the order of other pairs: remove it, or name another --output")
        return [known[uids] for uids in order]
    ranked = sorted(zip(value(pairs), pairs), key=lambda each: -each[0])
    turns: dict[str, int] = {}
    rows: list[tuple[int, Pair]] = []
    for _, pair in ranked:
        problem = pair.first.problem.id
        turns[problem] = turns.get(problem, -1) + 1
        rows.append((turns[problem], pair))
    ordered = [pair for _, pair in sorted(rows, key=lambda row: row[0])]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps({"pairs": [[p.first.uid, p.second.uid] for p in ordered]}).encode())
    return ordered
