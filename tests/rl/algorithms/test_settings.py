"""Every value of every setting runs a step, changes something or is refused with the reason."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.algorithms import ALGORITHMS, Algorithm, Scores, make
from rl.algorithms.base import AlgorithmState, derived_metrics
from rl.algorithms.settings import Correction, Kl, Placement, Scale
from rl.functional.aggregation import Aggregation
from rl.functional.correction import Bound, Level
from rl.functional.kl import KlEstimator
from rl.types import Batch, Group, Totals, Trajectory
from verifiers.types import Outcome, Verdict

# setting -> values that differ from every default; each must change something or be refused
ALTERNATIVES: dict[str, list[Any]] = {
    "epochs": [3],
    "minibatches": [4],
    "aggregation": list(Aggregation),
    "entropy_coefficient": [0.3],
    "entropy_target": [2.0],
    "kl": [
        Kl(beta=0.2),
        Kl(beta=0.2, target=0.01),
        Kl(beta=0.2, target=0.01, horizon=50.0),
        *(
            Kl(beta=0.2, placement=Placement.LOSS, estimator=estimator)
            for estimator in (KlEstimator.K2, KlEstimator.K3_RATIO, KlEstimator.K3_LEGACY)
        ),
    ],
    "correction": [
        *(Correction(level=level, cap=1.05) for level in (Level.TOKEN, Level.SEQUENCE)),
        *(Correction(level=level, bound=Bound.MASK, cap=1.05, floor=0.9) for level in Level),
    ],
    "scale": list(Scale),
    "clip_low": [0.01],
    "clip_high": [0.01],
    "dual_clip": [1.5],
    "cap": [1.01],
    "temperature_positive": [2.0],
    "temperature_negative": [2.0],
    "baseline": ["none", "batch"],
    "group_baseline": [True],
    "gamma": [0.5],
    "lam": [0.5],
    "whiten_advantages": [False],
    "trunk": ["separate", "shared"],
    "value_coefficient": [2.0],
    "value_clip": [0.01],
    "length_alpha": [2.0],
    "imitation_coefficient": [3.0],
    "correct_above": [5.0],
    "mask_truncated": [True],
    "max_resamples": [0, 7],
    "overlong_share": [0.0, 0.5],
    "overlong_penalty": [2.0],
}


def a_batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    rows, width = 6, 5

    def noise() -> Tensor:
        return torch.rand(rows, width, generator=generator, dtype=torch.float64)

    lengths = torch.tensor([5, 4, 3, 5, 2, 4])
    mask = (torch.arange(width) < lengths.unsqueeze(1)).double()
    old = -noise()
    return Batch(
        tokens=torch.zeros(rows, width, dtype=torch.long),
        attention=mask.bool(),
        mask=mask,
        sampler_logprobs=old + noise() - 0.5,
        rewards=torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 0.0], dtype=torch.float64),
        groups=torch.tensor([0, 0, 0, 1, 1, 1]),
        truncated=torch.arange(rows) == 4,
        old_logprobs=old,
        reference_logprobs=-noise(),
        values=noise(),
    )


def a_group() -> Group:
    problem = Problem(prompt="?", answer="1")
    completion = Completion((5,) * 85, (-0.5,) * 85, "x", FinishReason.STOP)
    verdict = Verdict(Outcome.CORRECT, 1.0)
    row = Trajectory(0, problem, (1,), completion, verdict).rewarded({"correct": 1.0})
    return Group(problem, (row, row))


def fingerprint(algorithm: Algorithm) -> list[float]:
    """All that an algorithm can do, as numbers: advantages, loss, gradients, the next update, group behaviour."""
    batch = a_batch()
    measured = {"policy/kl_reference_k1": 0.3, "policy/entropy": 1.0}
    numbers: list[float] = []
    for following in (algorithm, algorithm.after_update(measured, num_sequences=6)):
        credited = following.compute_advantages(following.select(batch))
        generator = torch.Generator().manual_seed(6)
        leaves = [torch.rand(batch.mask.shape, generator=generator, dtype=torch.float64) for _ in range(3)]
        leaves = [leaf.requires_grad_() for leaf in (-leaves[0], leaves[1], leaves[2])]
        loss = following.loss(credited, Scores(*leaves), Totals(float(batch.mask.sum()), 6.0, 8)).loss
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        numbers += [float(loss.detach())]
        numbers += [x for g in found if g is not None for x in g.flatten().tolist()]
    (shaped,) = algorithm.shape_rewards([a_group()], max_tokens=100)
    return [
        *numbers,
        *shaped.rewards,
        float(algorithm.filter_group(a_group())),
        algorithm.max_resamples,
        algorithm.epochs,
        algorithm.minibatches,
    ]


CASES = [
    (name, field.name, i)
    for name, kind in sorted(ALGORITHMS.items())
    for field in fields(kind)
    if field.name != "state"
    for i in range(len(ALTERNATIVES[field.name]))
]


@pytest.mark.parametrize(("name", "setting", "index"), CASES)
def test_every_setting_changes_something_or_is_refused(name: str, setting: str, index: int) -> None:
    value = ALTERNATIVES[setting][index]
    default = make(name)
    if value == getattr(default, setting):
        assert all(abs(x) < float("inf") for x in fingerprint(default))
        return
    try:
        changed = make(name, **{setting: value})
    except ValueError as error:
        refusal = str(error)
    else:
        assert fingerprint(changed) != fingerprint(default)
        return
    assert name in refusal or setting in refusal
    assert len(refusal) > 40, "a refusal says why"


def test_every_alternative_belongs_to_some_algorithm() -> None:
    known = {field.name for kind in ALGORITHMS.values() for field in fields(kind)} - {"state"}
    assert set(ALTERNATIVES) == known


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("reinforce", {"epochs": 2}, "no ratio"),
        ("gpg", {"minibatches": 2}, "no ratio"),
        ("gspo", {"aggregation": "token_mean"}, "one number per completion"),
        ("rloo", {"aggregation": "sequence_sum"}, "one number per completion"),
        ("dr_grpo", {"aggregation": "sequence_mean"}, "the bias Dr. GRPO removes"),
        ("cispo", {"cap": 0.5}, "scales down on-policy"),
        ("grpo", {"dual_clip": 1.1}, "expected more than"),
        ("grpo", {"clip_low": 0.0}, r"within \(0, 1\]"),
        ("distill", {"kl": {"beta": 0.1}}, "the teacher takes the place"),
        ("grpo", {"kl": {"beta": 0.1, "estimator": "k2"}}, "cannot be placed in the reward"),
        ("grpo", {"kl": {"beta": 0.1, "placement": "loss", "estimator": "k1"}}, "expected gradient there is 0"),
        ("grpo", {"kl": {"target": 0.1}}, "both must be positive"),
        ("grpo", {"kl": {"beta": 0.1, "horizon": 5.0}}, "together with kl.target"),
        ("grpo", {"kl": {"beta": -0.1}}, "expected 0"),
        ("grpo", {"correction": {"cap": 0.9}}, "at least 1"),
        ("grpo", {"correction": {"floor": 0.5}}, "bound 'mask'"),
        ("grpo", {"correction": {"level": "geometric"}}, "only filters"),
        ("grpo", {"epochs": 0}, "at least 1"),
        ("grpo", {"entropy_coefficient": -0.1}, "expected >= 0"),
        ("ppo", {"value_coefficient": 0.0}, "would not learn"),
        ("ppo", {"gamma": 1.5}, "within"),
        ("dapo", {"overlong_share": 0.0, "overlong_penalty": 2.0}, "only acts with"),
        ("grpo", {"clip_hihg": 0.2}, "did you mean 'clip_high'"),
        ("grpo", {"kl": {"betta": 0.2}}, "did you mean 'beta'"),
        ("grpo", {"clip_high": "0.2"}, "expected float"),
        ("grpo", {"epochs": True}, "expected int"),
        ("grpo", {"kl": 0.1}, "expected a mapping"),
        ("grpo", {"scale": "batch"}, "expected one of none, group_std, batch_std"),
        ("grpo", {"state": {}}, "no setting 'state'"),
        ("gropo", {}, "did you mean 'grpo'"),
    ],
)
def test_refusals_say_why(name: str, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make(name, **settings)


@pytest.mark.parametrize("name", ["grpo", "dr_grpo", "gspo", "dapo", "cispo", "sapo", "gpg"])
def test_groups_of_one_are_refused_rather_than_trained_on_nothing(name: str) -> None:
    batch = a_batch()
    alone = Batch(**{**vars(batch), "groups": torch.arange(6)})
    with pytest.raises(ValueError, match="raise group_size"):
        make(name).compute_advantages(alone)


@pytest.mark.parametrize(
    ("name", "settings", "missing"),
    [
        ("grpo", {"kl": {"beta": 0.1}}, "reference_logprobs"),
        ("grpo", {"correction": {}}, "old_logprobs"),
        ("ppo", {}, "values"),
        ("distill", {}, "reference_logprobs"),
    ],
)
def test_what_an_algorithm_says_it_needs_is_what_it_misses(name: str, settings: dict[str, Any], missing: str) -> None:
    algorithm = make(name, **settings)
    needs = {
        "reference_logprobs": algorithm.needs_reference,
        "old_logprobs": algorithm.needs_old_logprobs,
        "values": algorithm.needs_values,
    }
    assert needs[missing]
    batch = Batch(**{**vars(a_batch()), missing: None})
    with pytest.raises(ValueError, match=missing):
        algorithm.loss(algorithm.compute_advantages(batch), Scores(batch.sampler_logprobs), Totals(23, 6, 8))


def test_state_survives_a_checkpoint_and_is_json() -> None:
    algorithm = make("grpo", kl={"beta": 0.1, "target": 0.05}, entropy_target=0.5)
    for kl, entropy in ((0.3, 0.4), (0.01, 0.6), (0.2, 0.1)):
        algorithm = algorithm.after_update({"policy/kl_reference_k1": kl, "policy/entropy": entropy}, 64)
    restored = make("grpo", kl={"beta": 0.1, "target": 0.05}, entropy_target=0.5).with_state(
        json.loads(json.dumps(algorithm.state_dict()))
    )
    assert restored == algorithm
    assert restored.state == AlgorithmState(updates=3, beta=restored.state.beta, entropy_coefficient=0.005, entropy=0.1)


def test_derived_metrics_by_hand() -> None:
    # returns 0,2: mean 1, square 2, variance 1; errors 0.5,0.5: no variance -> explained 1
    means = {"value/return_mean": 1.0, "value/return_square": 2.0, "value/error_mean": 0.5, "value/error_square": 0.25}
    assert derived_metrics(means) == {"value/explained_variance": 1.0}
    # weights 1,1,2: mean 4/3, square 2 -> 16/18
    weights = {"importance/weight_mean": 4 / 3, "importance/weight_square": 2.0}
    assert derived_metrics(weights)["importance/effective_sample_size"] == pytest.approx(16 / 18)


OWN_ALGORITHM = """
from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar
from rl.algorithms.grpo import Grpo

@dataclass(frozen=True)
class Doubled(Grpo):
    name: ClassVar[str] = "doubled"
    factor: float = 2.0
    def row_advantages(self, rewards, batch):
        return self.factor * super().row_advantages(rewards, batch)
"""


def test_an_algorithm_of_ones_own_is_named_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN_ALGORITHM)
    mine = make(f"{path}:Doubled", factor=3, kl={"beta": 0.0}).compute_advantages(a_batch()).advantages
    plain = make("grpo").compute_advantages(a_batch()).advantages
    assert mine is not None
    assert plain is not None
    torch.testing.assert_close(mine, 3 * plain)
    assert type(make("rl.algorithms.grpo:Grpo")) is type(make("grpo"))


@pytest.mark.parametrize("name", ["nowhere.py:X", "no_such_module:X", "rl.algorithms.grpo:Missing", "rl.types:Batch"])
def test_a_name_that_means_no_algorithm_says_so(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot import|no Python file|has no|expected a subclass of Algorithm"):
        make(name)
