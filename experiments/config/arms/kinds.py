"""Settings of each kind of arm."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from experiments.config.arms.base import START, Arm
from experiments.config.arms.rewards import PROXY, needs_reward_model
from experiments.config.sections import (
    Component,
    DPOSection,
    ModelSection,
    OptimizerSection,
    Positive,
    PreferenceSection,
    Probability,
    Rate,
    RLSection,
    Shared,
)
from verifiers.parts import find_part, is_own

# fields of `rl` that several kinds read
SAMPLED = frozenset({"steps", "problems_per_step", "group_size", "sampling", "curriculum"})  # the budget, the prompts
TRAINED = frozenset({"micro_tokens", "autocast", "checkpoint_every"})
# fields of `preference` that say who labels what, and those that an arm with a reward model reads
LABELS = frozenset({"annotator", "num_pairs", "selector", "comparisons"})
MODELLED = LABELS | {"reward_model"}

Weight = Annotated[float, Field(gt=0)]


class RlArm(Arm):
    """Rollouts, rewards, updates (rl/train.py)."""

    method: Literal["rl"] = "rl"
    reward: Component = Component(name="verifier")  # verifier, proxy (the reward model), mixed, or a control
    refits: Annotated[int, Field(ge=0)] = 0  # proxy: fitted anew so often, also to labels of the policy's completions
    judgements: Annotated[int, Field(ge=0)] = (
        0  # proxy: bought per validation problem and evaluation, to choose when to stop
    )

    uses_rl: ClassVar[frozenset[str]] = frozenset(RLSection.model_fields)
    uses_preference: ClassVar[frozenset[str]] = MODELLED

    @property
    def uses_reward_model(self) -> bool:
        """True when the proxy is among the rewards."""
        return needs_reward_model(self.reward)

    @property
    def reads_preference(self) -> frozenset[str]:
        """Those of a reward model, where one is among the rewards."""
        return self.uses_preference if self.uses_reward_model else frozenset()

    def offline_preference(self, shared: Shared) -> PreferenceSection:
        """`preference` for the pairs of the start: with refits their part of the label budget, split evenly."""
        section = self.preference_over(shared)
        if not self.refits:
            return section
        return section.model_copy(update={"num_pairs": section.num_pairs // (self.refits + 1)})


class ImitationArm(Arm):
    """Supervised training on demonstrations that the start has not seen, as many rows and updates as RL has."""

    method: Literal["imitation"]
    optimizer: OptimizerSection = OptimizerSection(lr=5e-4, schedule="cosine")

    uses_rl: ClassVar[frozenset[str]] = frozenset({"steps", "problems_per_step", "group_size"})


class ExpertIterationArm(Arm):
    """Rounds of sampling, keeping what is verified, and supervised training (rl/imitation/expert_iteration.py).

    The completions of all rounds together are as many as those of RL: `rl.steps` x problems x group size.
    """

    method: Literal["expert_iteration"]
    rounds: Positive = 4  # rl.steps x problems_per_step problems are split over them
    max_per_problem: Positive = 4  # verified solutions kept of one problem
    epochs: Positive = 2  # passes over the kept solutions per round
    batch_size: Positive = 64  # solutions per optimizer step
    restart: bool = True  # each round trains from the start (STaR), not from the last round's policy
    pool: bool = True  # a round also learns from the solutions of earlier rounds
    optimizer: OptimizerSection = OptimizerSection(lr=5e-4)

    uses_rl: ClassVar[frozenset[str]] = SAMPLED | TRAINED | {"log_rollouts", "evaluate_every"}


class BestOfNArm(Arm):
    """Samples the start (or a trained arm) n times per answer."""

    method: Literal["best_of_n"]
    n: Positive = 4  # completions per answer
    reward: Component = Component(name=PROXY)  # what picks: proxy, majority, verifier, or another reward
    policy: str = START  # whose completions: of the SFT policy, or of an arm before this one

    has_policy: ClassVar[bool] = False
    uses_preference: ClassVar[frozenset[str]] = MODELLED

    @property
    def reads_preference(self) -> frozenset[str]:
        """Those of a reward model, where one picks."""
        return self.uses_preference if self.uses_reward_model else frozenset()

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The arm whose completions are chosen among; nothing for the start's."""
        return () if self.policy == START else (self.policy,)

    @property
    def uses_reward_model(self) -> bool:
        """True when the proxy is among what picks."""
        return needs_reward_model(self.reward)


class DirectArm(Arm):
    """DPO, or IPO, on the pairs of `preference` (rl/preference/direct/dpo.py)."""

    method: Literal["dpo", "ipo"]
    dpo: dict[str, Any] = Field(default_factory=dict)  # settings of `preference.dpo` that this arm alone changes

    uses_rl: ClassVar[frozenset[str]] = frozenset({"autocast"})
    uses_preference: ClassVar[frozenset[str]] = LABELS

    @model_validator(mode="after")
    def _one_loss(self) -> DirectArm:
        if self.method == "ipo" and self.dpo.get("loss", "ipo") != "ipo":
            raise ValueError(f"method ipo has the loss ipo, and dpo.loss is {self.dpo['loss']!r}: use method dpo")
        return self

    @property
    def uses_comparisons(self) -> bool:
        """Always: they are all that it learns from."""
        return True

    def dpo_over(self, preference: PreferenceSection) -> DPOSection:
        """`preference.dpo` as this arm sees it."""
        loss = {"loss": "ipo", "label_smoothing": 0.0} if self.method == "ipo" else {}
        return DPOSection.model_validate({**preference.dpo.model_dump(), **loss, **self.dpo})


class KtoArm(Arm):
    """KTO on the start's completions (rl/preference/direct/kto.py)."""

    method: Literal["kto"]
    feedback: Literal["thumbs", "pairs"] = "thumbs"  # thumbs: preference.num_pairs judgements of single completions
    beta: Rate = 0.1  # how strongly it is held to the start
    desirable_weight: Weight | None = None  # null: balances good and bad completions
    undesirable_weight: Weight | None = None  # null: 1
    epochs: Positive = 1  # passes over the completions
    lr: Rate = 1e-4  # peak, cosine to 0
    batch_size: Positive = 128  # completions
    held_out: Probability = 0.1  # share of the problems whose completions only measure accuracy

    uses_rl: ClassVar[frozenset[str]] = frozenset({"autocast"})
    uses_preference: ClassVar[frozenset[str]] = LABELS

    @property
    def uses_comparisons(self) -> bool:
        """True when the thumbs are the two sides of labelled pairs."""
        return self.feedback == "pairs"


class OnlineDpoArm(Arm):
    """Rounds of sampling, labelling and a DPO fit (rl/preference/direct/online_dpo.py)."""

    method: Literal["online_dpo"]
    rounds: Positive = 4  # preference.num_pairs judgements are split over them
    dpo: dict[str, Any] = Field(default_factory=dict)  # settings of `preference.dpo` that this arm alone changes

    uses_rl: ClassVar[frozenset[str]] = frozenset({"group_size", "sampling", "autocast"})
    uses_preference: ClassVar[frozenset[str]] = frozenset({"annotator", "num_pairs", "selector"})

    def dpo_over(self, preference: PreferenceSection) -> DPOSection:
        """`preference.dpo` as this arm sees it."""
        return DPOSection.model_validate({**preference.dpo.model_dump(), **self.dpo})


class DistillArm(Arm):
    """A student on a teacher's verified samples (off-policy), then on its own under the teacher's eye (on-policy).

    The teacher's samples are as many as the completions of RL, and so are the student's own.
    """

    method: Literal["distill"]
    teacher: str  # an arm before this one, or sft
    student: ModelSection  # its vocabulary must be the teacher's
    route: Literal["both", "off_policy", "on_policy"] = "both"  # off-policy first, then on-policy
    samples_per_problem: Positive = 1  # of the teacher
    verified_only: bool = True  # off-policy: keep only what the verifier accepts
    epochs: Positive = 2  # passes over the teacher's samples
    batch_size: Positive = 64  # samples per optimizer step
    optimizer: OptimizerSection = OptimizerSection(lr=2e-3, schedule="cosine", warmup_steps=50)  # off-policy
    clip: float = 0.2  # on-policy: ratio kept in [1 - clip, 1 + clip]

    uses_rl: ClassVar[frozenset[str]] = (
        SAMPLED
        | TRAINED
        | {"log_rollouts", "log_token_values", "evaluate_every"}
        | {"optimizer", "max_staleness", "fixed_staleness", "gradient_checkpointing"}
    )

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The arm that teaches; nothing where the start does."""
        return () if self.teacher == START else (self.teacher,)


OWN = "own"


class OwnArm(Arm):
    """An arm of one's own (experiments/arms/own.py): YAML has its name as the `method`, and its settings beside it."""

    method: Literal["own"]
    part: str  # file.py:Class, package.module:Class, or an entry point's name
    settings: dict[str, Any] = Field(default_factory=dict)

    @cached_property
    def own_class(self) -> Any:
        """The subclass of OwnMethod.

        Raises:
            ValueError: it is none.
        """
        found = find_part("arm", self.part, {})
        if not isinstance(found, type) or not hasattr(found, "own_rl"):
            raise ValueError(f"arm {self.part!r} is {found!r:.60}, expected a subclass of experiments.arms.OwnMethod")
        return found

    @property
    def builds_on(self) -> tuple[str, ...]:
        """As its class says."""
        named: tuple[str, ...] = self.own_class.builds_on(self.settings)
        return named

    @property
    def uses_comparisons(self) -> bool:
        """As its class says."""
        return bool(self.own_class.uses_comparisons or self.own_class.uses_reward_model)

    @property
    def uses_reward_model(self) -> bool:
        """As its class says."""
        return bool(self.own_class.uses_reward_model)

    @property
    def reads_preference(self) -> frozenset[str]:
        """What the labels or the reward model that it needs depend on."""
        return MODELLED if self.uses_reward_model else LABELS if self.uses_comparisons else frozenset()


AnyArm = Annotated[
    RlArm | ImitationArm | ExpertIterationArm | BestOfNArm | DirectArm | KtoArm | OnlineDpoArm | DistillArm | OwnArm,
    Field(discriminator="method"),
]


def arm_kinds() -> tuple[type[Arm], ...]:
    """The built-in kinds, in the order of the registry."""
    kinds: tuple[type[Arm], ...] = get_args(get_args(AnyArm)[0])
    return tuple(kind for kind in kinds if kind is not OwnArm)


def spell_out_own(arm: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of an arm as `OwnArm` has them, where its method is one's own; as they are otherwise."""
    method = arm.get("method")
    built_in = [method for kind in arm_kinds() for method in methods_of(kind)]
    if not isinstance(method, str) or (method != OWN and not is_own("arm", method, built_in)):
        return arm
    part = arm.get("part") if method == OWN else method
    own = {key: value for key, value in arm.items() if key not in ("method", "part", "settings", "rl", "preference")}
    shared = {key: arm[key] for key in ("rl", "preference") if key in arm}
    return {"method": OWN, "part": part, "settings": {**arm.get("settings", {}), **own}, **shared}


def methods_of(kind: type[Arm]) -> tuple[str, ...]:
    """What a config may write in `method` for this kind."""
    methods: tuple[str, ...] = get_args(kind.model_fields["method"].annotation)
    return methods
