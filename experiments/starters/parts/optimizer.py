from typing import Any

import torch

from rl.learning.optimizer import OptimizerSettings


def mine(groups: list[dict[str, Any]], settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Plain gradient descent with momentum, over groups of parameters with their weight decay.

    The learning rate of every step is set by the schedule of the config; gradients are clipped before.
    """
    return torch.optim.SGD(groups, lr=settings.lr, momentum=0.9)
