"""What the settings of every kind of arm have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from experiments.config.merging import merge
from experiments.config.sections import PreferenceSection, RLSection, Section, Shared

START = "sft"  # the policy that every arm starts from: a name like those of arms, in settings, folders and tables


class Arm(Section):
    """One thing that may be done with the shared start; a subclass is a kind."""

    method: str
    rl: dict[str, Any] = Field(default_factory=dict)  # settings of `rl` that this arm alone changes
    preference: dict[str, Any] = Field(default_factory=dict)  # settings of `preference` that this arm alone changes

    has_policy: ClassVar[bool] = True  # it trains one, which other arms may build on
    uses_rl: ClassVar[frozenset[str]] = frozenset()  # fields of `rl` that this kind reads; others are refused in `rl`

    uses_preference: ClassVar[frozenset[str]] = frozenset()  # fields of `preference` that this kind reads

    @property
    def builds_on(self) -> tuple[str, ...]:
        """Arms whose trained policy this one needs."""
        return ()

    @property
    def uses_comparisons(self) -> bool:
        """True when it learns from the labelled pairs of the start."""
        return self.uses_reward_model

    @property
    def uses_reward_model(self) -> bool:
        """True when it needs the reward model that is fitted to those pairs."""
        return False

    def rl_over(self, shared: Shared) -> RLSection:
        """The `rl` section as this arm sees it."""
        return RLSection.model_validate(merge(shared.rl.model_dump(), self.rl)) if self.rl else shared.rl

    def preference_over(self, shared: Shared) -> PreferenceSection:
        """The `preference` section as this arm sees it."""
        if not self.preference:
            return shared.preference
        return PreferenceSection.model_validate(merge(shared.preference.model_dump(), self.preference))

    def offline_preference(self, shared: Shared) -> PreferenceSection:
        """The same for the pairs of the start alone."""
        return self.preference_over(shared)

    @property
    def reads_preference(self) -> frozenset[str]:
        """The fields of `preference` that this arm reads."""
        return self.uses_preference
