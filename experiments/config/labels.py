"""Which arms learn from the same labels: those whose preference settings are equal share pairs and reward models.

The labels of `preference` itself lie in the folder `preferences`; those of an arm with an annotator, a budget or a
selection of its own lie in `preferences-ARM`, ARM being the first arm that asks for them. In the same way a reward
model is `reward_model` in the folder of its labels, or `reward_model-ARM` where there is another one already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from experiments.config.arms.base import Arm
from experiments.config.arms.kinds import LABELS
from experiments.config.sections import PreferenceSection, Shared

PREFERENCES, REWARD_MODEL = "preferences", "reward_model"


@dataclass(frozen=True)
class ArmLabels:
    """What an arm learns preferences from.

    Attributes:
        section: `preference` as the arm sees it; `num_pairs` are the pairs of the start.
        pairs: folder of the labelled pairs, within that of the seed.
        reward_model: folder of the reward model fitted to them, within that of the seed.
    """

    section: PreferenceSection
    pairs: str
    reward_model: str


def labels_of_arms(shared: Shared, arms: Mapping[str, Arm]) -> dict[str, ArmLabels]:
    """The labels of every arm that reads `preference`."""
    pairs = {PREFERENCES: shared.preference}
    models = {PREFERENCES: {f"{PREFERENCES}/{REWARD_MODEL}": shared.preference}}
    found = {}
    for name, arm in arms.items():
        if not arm.reads_preference:
            continue
        section = arm.offline_preference(shared)
        folder = _folder(section, pairs, LABELS, PREFERENCES, name)
        here = models.setdefault(folder, {})
        model = _folder(section, here, (REWARD_MODEL,), f"{folder}/{REWARD_MODEL}", name)
        pairs[folder] = section
        if arm.uses_reward_model:
            here[model] = section
        found[name] = ArmLabels(section, folder, model)
    return found


def _folder(
    section: PreferenceSection, known: Mapping[str, PreferenceSection], fields: Iterable[str], new: str, arm: str
) -> str:
    """The folder among `known` whose section has the same fields; else `new`, or `new-ARM` where that is taken."""
    for folder, other in known.items():
        if all(getattr(section, field) == getattr(other, field) for field in fields):
            return folder
    return f"{new}-{arm}" if new in known else new
