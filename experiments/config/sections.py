"""The parts of a config, as a YAML file says them.

Every field is documented on its line with unit and range. Components (environment, algorithm, curriculum, annotator,
selector) are a name, or a mapping with `name` and the component's own settings; what a name may be is said in
verifiers/parts.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
NonEmpty = Annotated[str, Field(min_length=1)]
Rate = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=1 << 31)]


class Section(BaseModel):
    """A part of a config: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _settings_alone_are_of_the_default(cls, value: Any) -> Any:
        """Settings of a component without a name (`algorithm: {mask_truncated: true}`) are those of the default one."""
        if not isinstance(value, Mapping):
            return value
        named = dict(value)
        for key, field in cls.model_fields.items():
            given, default = value.get(key), field.default
            if isinstance(default, Component) and isinstance(given, Mapping) and given and "name" not in given:
                named[key] = {"name": default.name, **given}
        return named


class Component(BaseModel):
    """A named component and its settings; YAML: `name`, or `{name: ..., setting: ...}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, Mapping):
            return value
        if "name" not in value:
            raise ValueError(f"a component needs a name, got only {', '.join(map(str, value)) or 'nothing'}")
        # an arm's own settings are laid over those of a config that was read before: both forms in one mapping
        own = {key: item for key, item in value.items() if key not in ("name", "settings")}
        settings = value.get("settings", {})
        return {"name": value["name"], "settings": {**settings, **own} if isinstance(settings, Mapping) else settings}


class TinySection(Section):
    """A small transformer, initialised at random; its vocabulary comes from the environment."""

    layers: Annotated[int, Field(ge=1, le=512)] = 4  # transformer blocks
    hidden: Annotated[int, Field(ge=1, le=16_384)] = 64  # width
    heads: Positive = 4  # hidden / heads is an even number
    context: Annotated[int, Field(ge=1, le=1 << 20)] = 256  # longest prompt + completion, tokens

    @model_validator(mode="after")
    def _heads_fit(self) -> TinySection:
        if self.hidden % self.heads or (self.hidden // self.heads) % 2:
            raise ValueError(
                f"hidden {self.hidden} over heads {self.heads} is not an even number, as rotary positions need"
            )
        return self


class ModelSection(Section):
    """A causal language model; YAML: a path or hub id alone is short for `{path: ...}`."""

    path: str | None = None  # folder or hub id of a causal LM, GGUF file, adapter folder, name of `beyond models`
    tiny: TinySection | None = None  # or a small model from scratch

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _needs_one(self) -> ModelSection:
        if (self.path is None) == (self.tiny is None):
            raise ValueError("give exactly one of `path` (a Hugging Face causal LM) and `tiny` (a model from scratch)")
        return self


class PolicySection(ModelSection):
    """The policy that every arm starts from, and how policies are held."""

    dtype: Literal["float32", "bfloat16", "float16"] = "float32"  # of the weights that sample; training's are float32
    device: str = "cpu"  # cpu, cuda, cuda:1
    lora_rank: Annotated[int, Field(ge=0)] = 0  # 0: train all weights
    trust_remote_code: bool = False  # runs code that comes with the model
    chat_template_kwargs: dict[str, bool | int | float | str | None] = Field(
        default_factory=dict
    )  # variables of the chat template, e.g. enable_thinking: false; kept in every folder that is saved

    @model_validator(mode="after")
    def _tiny_ones_chat_not(self) -> PolicySection:
        if self.tiny is not None and self.chat_template_kwargs:
            raise ValueError(
                f"chat_template_kwargs sets {', '.join(self.chat_template_kwargs)}, and a tiny policy reads no messages"
            )
        return self

    @model_validator(mode="after")
    def _device_holds_numbers(self) -> PolicySection:
        if self.device.partition(":")[0] == "meta":
            raise ValueError("device meta holds shapes and no numbers: use cpu, cuda or cuda:N")
        return self


class OptimizerSection(Section):
    """The optimizer and its schedule, counted in optimizer steps."""

    kind: NonEmpty = "adamw"  # or muon, or a function of your own that makes a torch optimizer
    lr: Rate = 2e-4  # the largest of the schedule; of muon, which needs a tenfold, that of the inner matrices
    betas: tuple[Probability, Probability] = (0.9, 0.95)  # of the running means of gradient and square
    weight_decay: Annotated[float, Field(ge=0)] = 0.0  # decoupled, per step: lr x weight_decay x weight
    clip_norm: Annotated[float, Field(ge=0)] = 1.0  # global gradient norm; 0: off
    warmup_steps: Annotated[int, Field(ge=0)] = 0  # of linear rise to lr
    schedule: Literal["constant", "cosine", "linear"] = "constant"  # cosine, linear: down to 0 at the last step


class SamplingSection(Section):
    """How completions are drawn."""

    max_new_tokens: Positive = 80  # length limit; of a whole conversation, what the environment says included
    temperature: Annotated[float, Field(ge=0)] = 1.0  # 0: greedy
    top_k: Annotated[int, Field(ge=0)] = 0  # 0: off
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0  # 1: off
    stop: tuple[NonEmpty, ...] = ()  # texts that end a completion beside the end token, such as "\nQuestion:"


class ImitationSection(Section):
    """Supervised training on a demonstrator's solutions, before any arm."""

    demonstrator: dict[str, Any] = Field(default_factory=dict)  # settings of the environment's demonstrator
    num_demonstrations: Positive = 20_000  # written anew for every seed
    single_step_share: Probability = 0.3  # share of single-step problems with right solutions
    step_accuracy: Probability = 0.95  # stop once single steps are right this often; 0: no probe, all `steps`
    steps: Positive = 3000  # optimizer steps at most
    min_steps: Annotated[int, Field(ge=0)] = 0  # optimizer steps before the target may end it
    batch_size: Positive = 64  # demonstrations per optimizer step
    optimizer: OptimizerSection = OptimizerSection(lr=2e-3, schedule="cosine", warmup_steps=100)


class RLSection(Section):
    """RL training: rollouts, rewards, updates. The same for RL and RLHF; only the arm's reward differs."""

    algorithm: Component = Component(name="grpo")  # see Algorithms
    steps: Positive = 150  # batches of rollouts
    problems_per_step: Positive = 48  # a batch is problems_per_step x group_size completions
    group_size: Positive = 8  # completions per problem
    sampling: SamplingSection = SamplingSection()
    optimizer: OptimizerSection = OptimizerSection()
    curriculum: Component = Component(name="uniform")  # uniform, learnability, target_success
    micro_tokens: Positive = 16_384  # tokens per forward/backward pass, padding included
    value_pretraining: Annotated[int, Field(ge=0)] = 20  # ppo, vapo: updates in which only the value model learns
    value_optimizer: OptimizerSection | None = None  # ppo, vapo: of the value model; null: as `optimizer`
    gradient_checkpointing: bool = False  # recompute activations in the backward pass: less memory, a third more work
    autocast: Literal["bf16"] | None = None  # arithmetic of all training; master weights stay float32
    measure_every: Positive = 1  # updates; KL to the start (outside the loss) and metrics of groups without signal
    max_staleness: Annotated[int, Field(ge=0)] = 0  # policy versions between sampling and learning; 0: synchronous
    fixed_staleness: bool = (
        True  # stale samples are exactly that old: the run repeats bit for bit; false: as new as can be
    )
    checkpoint_every: Annotated[int, Field(ge=0)] = 50  # steps; 0: only at the end
    log_rollouts: bool = True  # keep every graded completion of every step, compressed
    log_token_values: bool = False  # with them each token's advantage, entropy and share of a learned reward
    evaluate_every: Annotated[int, Field(ge=0)] = 10  # steps between evaluations on validation problems; 0: off

    @model_validator(mode="after")
    def _values_have_a_log(self) -> RLSection:
        if self.log_token_values and not self.log_rollouts:
            raise ValueError("log_token_values writes into the log of the rollouts, and log_rollouts is false")
        return self


class RewardModelSection(Section):
    """The Bradley-Terry reward model."""

    members: Positive = 1  # ensemble size
    layers: Annotated[int, Field(ge=0)] = 0  # blocks of the start's trunk that it keeps, from the first on; 0: all
    combine: Literal["mean", "min", "mean_minus_std"] = "mean"  # of the members' scores
    penalty: Annotated[float, Field(ge=0)] = 1.0  # lambda of mean_minus_std
    center: Annotated[float, Field(ge=0)] = 1e-3  # weight of (r_chosen + r_rejected)^2, which keeps scores around 0
    epochs: Positive = 2  # passes over the pairs
    lr: Rate = 5e-4  # peak, cosine to 0
    batch_size: Positive = 64  # pairs
    held_out: Probability = 0.1  # share of the problems whose pairs only measure accuracy

    @model_validator(mode="after")
    def _settings_act(self) -> RewardModelSection:
        if self.members == 1 and self.combine != "mean":
            raise ValueError(f"combine {self.combine!r} combines nothing with members 1: raise members")
        if self.penalty != 1.0 and self.combine != "mean_minus_std":
            raise ValueError(f"penalty only acts with combine 'mean_minus_std', and combine is {self.combine!r}")
        return self


class DPOSection(Section):
    """Direct preference optimisation on the same pairs."""

    loss: Literal["dpo", "ipo", "robust", "hinge"] = "dpo"  # see docs/algorithms/preference.md
    beta: Rate = 0.1  # how strongly it is held to the start
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0  # robust: assumed share of flipped labels
    epochs: Positive = 1  # passes over the pairs
    lr: Rate = 1e-4  # peak, cosine to 0
    batch_size: Positive = 64  # pairs
    held_out: Probability = 0.1  # share of the problems whose pairs only measure accuracy


class PreferenceSection(Section):
    """Who prefers what, and what is fitted to it."""

    annotator: Component = Component(name="careful")  # perfect, careful, concise, verbose, panel, model
    num_pairs: Positive = 4000  # label budget, judgements
    selector: Component = Component(name="uniform")  # which pairs are shown; contrasting: see docs/preference.md
    comparisons: str | None = None  # JSON lines of recorded labels, in place of sampling and labelling
    reward_model: RewardModelSection = RewardModelSection()
    dpo: DPOSection = DPOSection()


class EvaluationSection(Section):
    """Frozen problems that every policy answers at the end, the same for every arm."""

    split: Literal["test", "validation"] = "test"  # validation: while settings are chosen; the test stays unseen
    levels: tuple[int, ...] = ()  # empty: the environment's levels and ood_levels
    problems_per_level: Positive = 100  # of a mixture: for each of its parts
    num_samples: Positive = 16  # completions per problem at sampling.temperature
    min_per_level: Annotated[int, Field(ge=0)] = 0  # completions; a level of few problems has each answered more often
    support_samples: Annotated[int, Field(ge=0)] = 0  # right ones per problem whose probability under the start is kept
    sampling: SamplingSection = SamplingSection()
    validation_problems: Positive = 64  # per evaluation during training
    validation_samples: Positive = 4  # completions of each
    headline_level: int | None = None  # level of the first table and of the claims; null: all trained levels, and each


class WorkersSection(Section):
    """Who rolls out and grades."""

    executor: Literal["inline", "ray"] = "ray"  # inline: in the learner's process, without Ray
    num: Positive = 2  # processes that roll out, each with its verifier processes; inline has one
    threads: Positive = 1  # torch threads per worker
    cpus: Annotated[float, Field(ge=0)] | None = None  # that a worker asks Ray for; null: its threads
    gpus: Annotated[float, Field(ge=0)] = 0  # that a worker asks Ray for; may be a fraction
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict
    )  # of the cluster's own naming, that a worker asks Ray for, e.g. `{a100: 1}`
    placement: Literal["any", "colocated", "apart"] = "any"  # on the learner's machine, or on the others
    address: str | None = None  # of a Ray cluster; null: that of RAY_ADDRESS, else a local Ray
    shard_size: Positive = 8  # problems per unit of work
    backend: NonEmpty = "engine"  # sampler: engine, vllm (an extra), transformers' generate or continuous, or your own
    deadline_seconds: Rate = 2.0  # per verification; the process is killed
    memory_megabytes: Positive = 1024  # per verifier process


class LearnerSection(Section):
    """The processes that share the learner of an RL arm; everything else trains in one."""

    processes: Positive = 1  # on this machine; on GPUs, one each: rank r takes cuda:r
    sharding: Literal["none", "fsdp"] = "none"  # fsdp: weights, gradients and optimizer state are spread over them

    @model_validator(mode="after")
    def _one_shards_nothing(self) -> LearnerSection:
        if self.sharding != "none" and self.processes == 1:
            raise ValueError(f"sharding {self.sharding!r} spreads nothing over one process: raise learner.processes")
        return self


class Shared(Section):
    """What all arms of a study share: the start that they leave from, their budget, and how they are measured."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100
    )  # letters, digits, `.`, `_`, `-`; names the default folder
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)  # the whole study is repeated for each
    threads: Positive = 2  # torch threads of whatever trains or is fitted
    trackers: tuple[Component, ...] = ()  # tensorboard, trackio, wandb, or file.py:attribute: see docs/trackers.md
    metrics: tuple[NonEmpty, ...] = ()  # of your own: functions of a training step's groups, recorded as own/NAME
    report_sections: tuple[NonEmpty, ...] = ()  # of your own: functions of the report's figures, shown at its end
    env: Component  # whose problems are asked; also `jsonl:file`, `rg:name`, `gym:id`, `openenv:address`
    policy: PolicySection
    imitation: ImitationSection | None = None  # null: the policy starts as it is
    rl: RLSection = RLSection()
    preference: PreferenceSection = PreferenceSection()
    evaluation: EvaluationSection = EvaluationSection()
    workers: WorkersSection = WorkersSection()
    learner: LearnerSection = LearnerSection()  # processes that share the learner of an RL arm
