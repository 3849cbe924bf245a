"""What an update adds up over micro-batches, ranks and steps: numerators and denominators, divided once at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rl.algorithms.base import LossParts
from rl.types import Batch


class Sums:
    """Numerators and denominators of named means, added up over micro-batches, ranks and steps.

    The mean of means is not the mean: a micro-batch with few tokens must count for few.
    """

    def __init__(self) -> None:
        self._totals: dict[str, list[float]] = {}

    def add(self, name: str, numerator: float, denominator: float = 1.0) -> None:
        """Adds one share."""
        total = self._totals.setdefault(name, [0.0, 0.0])
        total[0] += numerator
        total[1] += denominator

    def update(self, other: Mapping[str, tuple[float, float]]) -> None:
        """Adds every share of `other`."""
        for name, (numerator, denominator) in other.items():
            self.add(name, numerator, denominator)

    def pairs(self) -> dict[str, tuple[float, float]]:
        """name -> (numerator, denominator)."""
        return {name: (total[0], total[1]) for name, total in self._totals.items()}

    def means(self) -> dict[str, float]:
        """name -> numerator / denominator; a name whose denominator is 0 is left out: there was nothing to average."""
        return {name: n / d for name, (n, d) in self._totals.items() if d}


Share = tuple[float, dict[str, tuple[float, float]], dict[str, float]]


class StepSums:
    """What an optimizer step adds up over micro-batches and ranks: the loss, named means, maxima."""

    def __init__(self) -> None:
        self.loss = 0.0
        self._means = Sums()
        self._maxima: dict[str, float] = {}

    def add(self, name: str, numerator: float, denominator: float = 1.0) -> None:
        """Adds one share of a named mean."""
        self._means.add(name, numerator, denominator)

    def observe(self, parts: LossParts, *, loss_alone: bool = False) -> None:
        """Adds a micro-batch, or of it the loss alone. All its numbers come to the CPU in one copy."""
        if loss_alone:
            self.loss += float(parts.loss.detach().double())
            return
        numbers: list[Tensor | float] = [parts.loss, *(x for pair in parts.sums.values() for x in pair)]
        numbers += parts.maxima.values()
        device = parts.loss.device
        values = torch.stack([torch.as_tensor(x, device=device).detach().double() for x in numbers]).tolist()
        self.loss += values[0]
        for index, name in enumerate(parts.sums):
            self._means.add(name, values[1 + 2 * index], values[2 + 2 * index])
        for name, value in zip(parts.maxima, values[1 + 2 * len(parts.sums) :]):
            self._raise(name, value)

    def share(self) -> Share:
        """This rank's share, as plain numbers."""
        return self.loss, self._means.pairs(), dict(self._maxima)

    def gather(self, shares: Sequence[Share]) -> None:
        """Becomes the sum of all ranks' shares, its own among them."""
        self.loss, self._means, self._maxima = 0.0, Sums(), {}
        for share in shares:
            self._take(share)

    def merge(self, other: StepSums) -> None:
        """Adds another optimizer step of the same update."""
        self._take(other.share())

    def metrics(self) -> dict[str, float]:
        """Means and maxima by name."""
        return {**self._means.means(), **self._maxima}

    def _take(self, share: Share) -> None:
        loss, pairs, maxima = share
        self.loss += loss
        self._means.update(pairs)
        for name, value in maxima.items():
            self._raise(name, value)

    def _raise(self, name: str, value: float) -> None:
        self._maxima[name] = max(self._maxima.get(name, value), value)


def reference_kl(batch: Batch) -> dict[str, float]:
    """KL(sampling policy || reference), estimated on the sampled tokens: the mean of log pi - log reference."""
    if batch.reference_logprobs is None:
        return {}
    log_ratio = (batch.sampler_logprobs - batch.reference_logprobs).masked_fill(batch.mask == 0, 0.0)
    total = float(log_ratio.double().sum())
    per_token = total / max(1.0, float(batch.mask.sum()))
    # the algorithm's own estimate, of the policy that each step began with, replaces the last one where there is any
    return {"policy/kl": total / batch.num_rows, "policy/kl_token": per_token, "policy/kl_reference_k1": per_token}
