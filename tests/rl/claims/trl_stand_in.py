"""What trl's loss methods ask of a trainer, without one: an accelerator of one process, and empty metrics."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor


class OneProcess:
    """An accelerator with nothing to gather."""

    device = torch.device("cpu")
    num_processes = 1
    sync_gradients = True

    def gather(self, tensor: Tensor) -> Tensor:
        return tensor

    gather_for_metrics = gather

    def reduce(self, tensor: Tensor, reduction: str) -> Tensor:
        return tensor


def trainer_stand_in(**settings: Any) -> Any:
    """An object with these attributes, in the place of a trainer."""
    return SimpleNamespace(accelerator=OneProcess(), _metrics={"train": defaultdict(list)}, **settings)
