from pathlib import Path

import torch

from rl.learning.optimizer import Optimizer, OptimizerSettings

MINE = f"{Path(__file__).parent / 'mine.py'}:mine"


def test_it_learns_and_goes_on_from_its_state() -> None:
    torch.manual_seed(0)
    model, settings = torch.nn.Linear(2, 1), OptimizerSettings(lr=0.05, kind=MINE)
    data, losses = torch.randn(32, 2), []
    optimizer = Optimizer(model, settings)
    for step in range(40):
        loss = (model(data) - data.sum(1, keepdim=True)).square().mean()
        loss.backward()
        optimizer.step(step)
        losses.append(loss.item())
        if step == 20:
            state = optimizer.state_dict()
            optimizer = Optimizer(model, settings)
            optimizer.load_state_dict(state)
    assert losses[-1] < 0.1 * losses[0]
