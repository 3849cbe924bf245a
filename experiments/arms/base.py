"""What every kind of arm is: the settings that a config gives, and how they are checked, told, run and tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from experiments.config.sections import Section
from experiments.run.errors import UserError

if TYPE_CHECKING:
    from envs.types import Environment
    from experiments.config.experiment import Experiment
    from experiments.run.folders import RunFolder
    from experiments.study.context import SeedContext

# fields of `rl` that several kinds read
SAMPLED = frozenset({"steps", "problems_per_step", "group_size", "sampling", "curriculum"})  # the budget, the prompts
TRAINED = frozenset({"micro_tokens", "autocast", "checkpoint_every"})


class Arm(Section):
    """One thing that may be done with the shared start.

    A subclass is a kind: a `method` that names it, its own settings, and the methods below. An arm trains from
    `context.start_policy` into `context.folder(name)`, on the prompts and the budget of `experiment.rl_of(name)`.
    """

    method: str
    rl: dict[str, Any] = Field(default_factory=dict)  # settings of `rl` that this arm alone changes

    has_policy: ClassVar[bool] = True  # it trains one, which other arms may build on
    uses_rl: ClassVar[frozenset[str]] = frozenset()  # fields of `rl` that this kind reads; others are refused in `rl`

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

    def check(self, experiment: Experiment, name: str, env: Environment) -> None:
        """Builds the components that the settings name; trains and samples nothing.

        Raises:
            UserError: one of them cannot be built, or a setting would change nothing.
        """
        unread = sorted(set(self.rl) - self.uses_rl)
        if unread:
            known = ", ".join(sorted(self.uses_rl)) or "nothing"
            raise UserError(f"arms.{name}.rl.{unread[0]} changes nothing: method {self.method!r} reads {known} of rl")

    def plan(self, experiment: Experiment, name: str) -> str:
        """What it will do and sample, in one line."""
        raise NotImplementedError(f"arm {type(self).__name__} defines no plan")

    def run(self, context: SeedContext, name: str) -> bool:
        """Trains the arm into its folder; False when it was interrupted and can be resumed."""
        raise NotImplementedError(f"arm {type(self).__name__} defines no run")

    def test(self, context: SeedContext, name: str) -> None:
        """Answers the frozen test problems and records the evaluation in the arm's folder."""
        from experiments.study.evaluation import run_test

        run_test(context, name, context.folder(name))

    def further_policies(self, context: SeedContext, name: str) -> Mapping[str, RunFolder]:
        """Other policies of the training worth testing, such as an earlier one; by name, each in its folder."""
        return {}
