from pathlib import Path

from envs import make
from experiments.arms import methods_of_study
from experiments.config.loading import load_experiment

MINE = f"{Path(__file__).parent / 'mine.py'}:Mine"


def test_a_config_may_name_it() -> None:
    experiment = load_experiment(["smoke"], [f"arms.mine={{method: '{MINE}', other: rl, share: 0.25}}"])
    method = methods_of_study(experiment)["mine"]
    method.check(make("addition"))
    assert "25%" in method.plan()
