"""Settings shared by several algorithms, and building them from plain values of a config file."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from rl.functional.correction import Bound, Level
from rl.functional.kl import KlEstimator
from verifiers.plugins import suggest

T = TypeVar("T")


class Placement(StrEnum):
    """Where a KL penalty acts."""

    REWARD = "reward"
    LOSS = "loss"


class Scale(StrEnum):
    """What group-centred advantages are divided by."""

    NONE = "none"
    GROUP_STD = "group_std"  # the group's own deviation: weighs problems by difficulty
    BATCH_STD = "batch_std"  # one number for the whole batch: rescales the step, keeps the gradient's direction


@dataclass(frozen=True)
class Kl:
    """Penalty for leaving the reference policy. Off by default.

    Attributes:
        beta: weight, >= 0. In the reward it is in units of the advantage per nat: of the centred and scaled
            one, or with ppo and reinforce_pp of the reward before whitening (docs/algorithms/kl.md).
        placement: reward (exact gradient; recommended) or loss.
        estimator: k1 in the reward; k2, k3_ratio or grpo_k3_legacy in the loss. None: k1 or k2, by placement.
        target: when given, beta is adapted to hold this KL, in nats per token (k1 estimate).
        horizon: completions over which the adaptation acts; larger is slower.
    """

    beta: float = 0.0
    placement: Placement = Placement.REWARD
    estimator: KlEstimator | None = None
    target: float | None = None
    horizon: float = 10_000.0

    def __post_init__(self) -> None:
        if self.beta < 0:
            raise ValueError(f"kl.beta is {self.beta}, expected 0 (off) or more")
        if self.estimator is None:
            default = KlEstimator.K1 if self.placement is Placement.REWARD else KlEstimator.K2
            object.__setattr__(self, "estimator", default)
        if self.placement is Placement.REWARD and self.estimator is not KlEstimator.K1:
            raise ValueError(
                f"kl.estimator {self.estimator} cannot be placed in the reward: only k1 has the right gradient there "
                "(k3 in the reward points away from it: cosine -0.95 by exact enumeration); use k1"
            )
        if self.placement is Placement.LOSS and self.estimator is KlEstimator.K1:
            raise ValueError(
                "kl.estimator k1 cannot be placed in the loss: its expected gradient there is 0; "
                "use k2 or k3_ratio, or placement 'reward'"
            )
        if self.target is not None and (self.target <= 0 or self.beta == 0):
            raise ValueError(
                f"kl.target is {self.target} with beta {self.beta}: the controller multiplies beta towards a "
                "target > 0, so both must be positive"
            )
        if self.target is None and self.horizon != 10_000.0:
            raise ValueError("kl.horizon only acts together with kl.target: set the target or leave the horizon out")
        if self.horizon <= 0:
            raise ValueError(f"kl.horizon is {self.horizon}, expected a number of completions > 0")

    @property
    def in_reward(self) -> bool:
        """True when compute_advantages subtracts the penalty from the rewards."""
        return self.beta > 0 and self.placement is Placement.REWARD

    @property
    def in_loss(self) -> bool:
        """True when the loss carries the penalty."""
        return self.beta > 0 and self.placement is Placement.LOSS


@dataclass(frozen=True)
class Correction:
    """Importance correction from the sampler's to the learner's probabilities at the start of the update.

    Attributes:
        level: token, sequence, or geometric (a filter on the mean log-ratio).
        bound: truncate (above the cap, the cap) or mask (outside [floor, cap], nothing).
        cap: largest weight, >= 1. For geometric a number like 1.01.
        floor: smallest weight when masking or filtering; truncation has none.
    """

    level: Level = Level.TOKEN
    bound: Bound = Bound.TRUNCATE
    cap: float = 2.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.cap < 1:
            raise ValueError(f"correction.cap is {self.cap}: on-policy tokens have weight 1, expected at least 1")
        if not 0 <= self.floor <= 1:
            raise ValueError(
                f"correction.floor is {self.floor}: on-policy tokens have weight 1, expected within [0, 1]"
            )
        if self.level is Level.GEOMETRIC and self.bound is Bound.TRUNCATE:
            raise ValueError(
                "a geometric mean is no importance weight and only filters: set correction.bound to 'mask'"
            )
        if self.bound is Bound.TRUNCATE and self.floor > 0:
            raise ValueError("correction.floor acts with bound 'mask' only: truncation bounds the weight from above")


def build(kind: type[T], settings: Mapping[str, Any], *, where: str = "", hidden: tuple[str, ...] = ()) -> T:
    """An instance of the dataclass `kind` from plain values, nested mappings and enum values as strings included.

    Args:
        where: dotted place, for messages.
        hidden: fields that are no settings.
    Raises:
        ValueError: unknown name (the nearest valid one is told), wrong type, or a value that the class refuses.
    """
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind) if f.name not in hidden]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in names:
            hint = suggest(name, names, most=1)
            raise ValueError(f"{where or kind.__name__} has no setting {name!r}{hint} (settings: {', '.join(names)})")
        values[name] = _convert(value, hints[name], f"{where}.{name}" if where else name)
    return kind(**values)


def _convert(value: Any, hint: Any, where: str) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        options = get_args(hint)
        if value is None and type(None) in options:
            return None
        return _convert(value, next(o for o in options if o is not type(None)), where)
    if is_dataclass(hint):
        if type(value) is hint:
            return value
        if isinstance(value, Mapping):
            return build(hint, value, where=where)  # type: ignore[arg-type]
        raise ValueError(f"{where} is {value!r}, expected a mapping of settings")
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError as error:
            raise ValueError(f"{where} is {value!r}, expected one of {', '.join(m.value for m in hint)}") from error
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain: type = hint
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        raise ValueError(f"{where} is {value!r}, expected {plain.__name__}")
    return value
