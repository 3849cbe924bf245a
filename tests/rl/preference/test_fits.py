"""Reward models and DPO through trl: what they learn, and the behaviours of trl that the wrappers rely on."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from envs.types import Problem
from rl.preference.direct.dpo import DpoSettings, fit_dpo, log_ratios
from rl.preference.direct.kto import KtoSettings, balanced_weights, fit_kto
from rl.preference.direct.log_ratios import completion_log_ratios
from rl.preference.fit_checkpoints import FitCheckpoints
from rl.preference.labels.feedback import from_comparisons
from rl.preference.models.reward_card import ranking_accuracy
from rl.preference.models.reward_model import (
    RewardModelSettings,
    fit_bradley_terry,
    fit_reward_model,
    load_reward,
    normaliser,
)
from rl.preference.trl_support import BucketedSampler, split_by_problem, token_pairs
from rl.records.recorder import SilentRecorder
from rl.rewards.proxy import ProxyReward
from rl.types import Comparison

pytestmark = pytest.mark.learning

RM = RewardModelSettings(epochs=2, batch_size=16, lr=3e-3, held_out=0.2)
DPO = DpoSettings(epochs=2, batch_size=16, lr=3e-3, held_out=0.2)


def planted(num: int = 120, *, flip: bool = False) -> list[Comparison]:
    """Comparisons whose chosen side ends with the answer 7 and whose rejected side with 3: a preference to find."""
    rng, rows = random.Random(0), []
    for index in range(num):
        problem = Problem(f"a = {rng.randrange(31)} ; k = a + {index % 31} ; k ?", "7")
        body = f"k + {rng.randrange(31)} = {rng.randrange(31)} ;"
        sides = [f"{body} # 7", f"{body} # 3"]
        chosen, rejected = reversed(sides) if flip else sides
        rows.append(Comparison(problem, chosen, rejected, "planted", agrees_with_gold=not flip))
    return rows


@pytest.fixture(scope="module")
def start(tiny_policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    tiny_policy.save(folder)
    return folder


@pytest.fixture(scope="module")
def fitted(start, tmp_path_factory):
    folder, recorder = tmp_path_factory.mktemp("reward"), SilentRecorder()
    card = fit_reward_model(start, planted(), RM, folder, recorder)
    return folder, card, recorder


def test_a_reward_model_finds_a_planted_preference(fitted):
    _, card, recorder = fitted
    assert card.num_held_out > 15
    assert card.accuracy is not None
    assert card.accuracy > 0.95
    assert card.gold_accuracy == card.accuracy  # every pair is decisive and every label agrees
    assert card.calibration is not None
    assert card.calibration.accuracy == card.accuracy  # one member: probability above 1/2 is a higher score
    assert card.gold_calibration == card.calibration
    assert card.steps == 2 * -(-card.num_pairs // 16)
    assert recorder.rows
    assert all(name.startswith("reward_model/") for _, _, values in recorder.rows for name in values)


def test_flipped_labels_flip_the_reward(start, fitted, tmp_path, tiny_policy):
    fit_reward_model(start, planted(flip=True), RM, tmp_path, SilentRecorder())
    pairs = [token_pairs(c, tiny_policy) for c in planted(40)]
    assert ranking_accuracy(load_reward(fitted[0]), pairs) > 0.95
    assert ranking_accuracy(load_reward(tmp_path), pairs) < 0.05


def test_the_fitted_reward_is_normalised_on_start_completions(fitted, tiny_policy):
    reward = load_reward(fitted[0])
    train, _ = split_by_problem(planted(), RM.held_out, RM.seed)
    sides = [side for c in train for side in token_pairs(c, tiny_policy)]
    mean, std = normaliser(reward.scores(sides))  # fewer than SAMPLE_PAIRS: these are the normaliser's own completions
    assert mean == pytest.approx(0, abs=1e-4)
    assert std == pytest.approx(1, abs=1e-4)


def test_equal_seeds_fit_equal_rewards_and_leave_the_callers_randomness_alone(start, fitted, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    random.seed(5)
    number = random.random()
    random.seed(5)
    fit_reward_model(start, planted(), RM, tmp_path, SilentRecorder())
    assert torch.equal(torch.rand(3), expected)
    assert random.random() == number
    once, again = (load_reward(f).members[0].model.state_dict() for f in (fitted[0], tmp_path))
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_trl_reads_the_score_where_we_do_even_when_padding_is_the_end_token(tiny_policy):
    """Hugging Face pools at the last token that is not padding: with padding == end it would read one token early."""
    import copy

    from policies.scoring.reward_model import RewardModel

    policy = copy.copy(tiny_policy)
    policy.tokenizer = copy.deepcopy(tiny_policy.tokenizer)
    policy.tokenizer.pad_token = policy.tokenizer.eos_token
    policy.pad_id = policy.stop_ids[0]
    model = RewardModel.from_policy(policy, seed=0)
    pairs = [token_pairs(c, policy) for c in planted(8)]
    fit_bradley_terry(model, pairs, RM, SilentRecorder(), seed=0)
    rows = [[*p, *c] for pair in pairs for p, c in pair]
    width = max(map(len, rows))
    pad = model.model.config.pad_token_id
    assert pad not in policy.stop_ids
    tokens = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    with torch.no_grad():
        trl_scores = model.model(input_ids=tokens, attention_mask=(tokens != pad).long()).logits.squeeze(-1)
    ours = model.score([side for pair in pairs for side in pair])
    assert ours == pytest.approx(trl_scores.tolist(), abs=1e-5)


def test_trl_sees_the_sampled_tokens_and_adds_nothing(tiny_policy, monkeypatch):
    """A truncated completion keeps its missing end; trl's own preparation would have added one."""
    from trl.trainer import reward_trainer

    from policies.scoring.reward_model import RewardModel

    seen: list[tuple[int, ...]] = []
    original = reward_trainer.DataCollatorForPreference.torch_call

    def spy(self, examples):
        seen.extend(tuple(e[k]) for e in examples for k in ("chosen_ids", "rejected_ids"))
        return original(self, examples)

    monkeypatch.setattr(reward_trainer.DataCollatorForPreference, "torch_call", spy)
    pairs = [(((5, 6), (7, 8)), ((5, 6), (9, tiny_policy.stop_ids[0])))] * 4
    settings = RewardModelSettings(epochs=1, batch_size=4)
    fit_bradley_terry(RewardModel.from_policy(tiny_policy, 0), pairs, settings, SilentRecorder(), seed=0)
    assert set(seen) == {(5, 6, 7, 8), (5, 6, 9, tiny_policy.stop_ids[0])}


def test_recorded_text_is_encoded_and_sampled_tokens_are_kept(tiny_policy):
    problem = Problem("a = 1 ; a ?", "1")
    cut = tiny_policy.encode_completion("# 1")[:-1]  # truncated: no end token
    row = Comparison(problem, "# 1", "# 2", "human", None, cut, (4, 5, 6))
    (_, chosen), (_, rejected) = token_pairs(row, tiny_policy)
    assert chosen == cut
    assert rejected == tiny_policy.encode_completion(
        "# 2"
    )  # tokens that do not spell the text are of another tokenizer


def test_held_out_problems_are_never_trained_on():
    rows = planted(60) + planted(60)
    train, held_out = split_by_problem(rows, 0.25, seed=1)
    assert len(train) + len(held_out) == 120
    assert not {c.problem.id for c in train} & {c.problem.id for c in held_out}


def test_bucketed_batches_hold_every_index_once_in_similar_lengths():
    lengths = [random.Random(i).randint(1, 50) for i in range(103)]
    sampler = BucketedSampler(lengths, 8, seed=0)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(103))
    assert first != second  # a new order every epoch
    assert list(BucketedSampler(lengths, 8, seed=0)) == first
    spreads = [max(part) - min(part) for part in ([lengths[i] for i in first[k : k + 8]] for k in range(0, 96, 8))]
    assert sum(spreads) / len(spreads) < 15  # of 50; random batches of 8 spread about 40


@pytest.fixture(scope="module")
def dpo_fit(start, tmp_path_factory):
    folder, recorder = tmp_path_factory.mktemp("dpo"), SilentRecorder()
    return folder, fit_dpo(start, planted(), DPO, folder, recorder), recorder


def test_dpo_raises_the_margin_of_the_chosen_side(dpo_fit, tiny_policy):
    folder, card, _ = dpo_fit
    assert card.margin_before == 0.0  # the policy is its own reference
    assert card.margin_after > 1.0
    assert card.accuracy is not None
    assert card.accuracy > 0.95
    from policies.causal import load_policy

    pairs = [token_pairs(c, tiny_policy) for c in planted(20)]
    margins = [c - r for c, r in log_ratios(load_policy(folder), tiny_policy, pairs)]
    assert min(margins) > 0


def test_a_fit_in_bfloat16_goes_where_that_in_float32_goes(start, fitted, dpo_fit, tmp_path, tiny_policy):
    """Its arithmetic alone is of 8 bits: the weights stay float32, and it finds the same preference."""
    from policies.causal import load_policy

    half = fit_reward_model(start, planted(), replace(RM, autocast="bf16"), tmp_path / "rm", SilentRecorder())
    assert half.accuracy == fitted[1].accuracy == 1.0
    fit_dpo(start, planted(), replace(DPO, autocast="bf16"), tmp_path / "dpo", SilentRecorder())
    full, half_policy = load_policy(dpo_fit[0]).weights(), load_policy(tmp_path / "dpo").weights()
    moved = sum(float((full[name] - tiny_policy.weights()[name]).norm()) for name in full)
    apart = sum(float((full[name] - half_policy[name]).norm()) for name in full)
    assert 0 < apart < 0.5 * moved
    assert {weight.dtype for weight in half_policy.values()} == {torch.float32}


def test_equal_seeds_fit_equal_policies(dpo_fit, start, tmp_path):
    from policies.causal import load_policy

    fit_dpo(start, planted(), DPO, tmp_path, SilentRecorder())
    once, again = load_policy(dpo_fit[0]).weights(), load_policy(tmp_path).weights()
    assert all(torch.equal(once[name], again[name]) for name in once)


@pytest.mark.parametrize("loss", ["ipo", "robust", "hinge"])
def test_every_loss_raises_the_margin(start, tmp_path, loss):
    smoothing = 0.1 if loss == "robust" else 0.0
    settings = DpoSettings(loss=loss, label_smoothing=smoothing, epochs=2, batch_size=16, lr=3e-3)
    card = fit_dpo(start, planted(), settings, tmp_path, SilentRecorder())
    assert card.margin_after > 0.5


@pytest.mark.slow
def test_flipped_labels_flip_the_margin(start, dpo_fit, tmp_path, tiny_policy):
    from policies.causal import load_policy

    fit_dpo(start, planted(flip=True), DPO, tmp_path, SilentRecorder())
    pairs = [token_pairs(c, tiny_policy) for c in planted(20)]
    assert all(c < r for c, r in log_ratios(load_policy(tmp_path), tiny_policy, pairs))


def test_a_second_round_of_dpo_keeps_the_first_reference(dpo_fit, start, tmp_path):
    settings = DpoSettings(epochs=1, batch_size=64, lr=1e-6, held_out=0.2)
    card = fit_dpo(dpo_fit[0], planted(), settings, tmp_path, SilentRecorder(), reference_folder=start)
    assert card.margin_before == pytest.approx(dpo_fit[1].margin_after, rel=1e-3)


KTO = KtoSettings(epochs=2, batch_size=32, lr=3e-3, held_out=0.2)


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_kto_raises_good_completions_above_bad_ones_also_when_good_ones_are_rare(start, tmp_path, tiny_policy, share):
    from policies.causal import load_policy

    thumbs = from_comparisons(planted())
    rare = [row for index, row in enumerate(thumbs) if not row.is_good or (index // 2) % 4 < 4 * share]
    card = fit_kto(start, rare, KTO, tmp_path, SilentRecorder())
    assert card.desirable_weight * card.num_good == pytest.approx(card.num_bad)
    assert card.accuracy is not None
    assert card.accuracy > 0.95
    policy, prompt_rows = load_policy(tmp_path), [token_pairs(c, tiny_policy) for c in planted(20)]
    good, bad = (completion_log_ratios(policy, tiny_policy, [pair[side] for pair in prompt_rows]) for side in (0, 1))
    assert sum(good) / len(good) > sum(bad) / len(bad) + 1


def test_kto_weights_balance_what_is_good_and_bad_unless_they_are_set():
    # the paper's eq. 9 at its lower end: lambda_D n_D = lambda_U n_U
    assert balanced_weights(10, 40, KtoSettings()) == (4.0, 1.0)
    assert balanced_weights(10, 40, KtoSettings(undesirable_weight=0.5)) == (2.0, 0.5)
    assert balanced_weights(10, 40, KtoSettings(desirable_weight=1.3)) == (1.3, 1.0)
    with pytest.raises(ValueError, match="undesirable_weight"):
        KtoSettings(undesirable_weight=0.0)


def test_kto_without_a_bad_completion_is_refused(start, tmp_path):
    good = [row for row in from_comparisons(planted(20)) if row.is_good]
    with pytest.raises(ValueError, match="needs good and bad ones"):
        fit_kto(start, good, KTO, tmp_path, SilentRecorder())


def test_a_requested_stop_writes_nothing(start, tmp_path):
    recorder = SilentRecorder()
    recorder.stop_requested = True
    assert fit_dpo(start, planted(40), DPO, tmp_path / "dpo", recorder).interrupted
    assert fit_reward_model(start, planted(40), RM, tmp_path / "rm", recorder).interrupted
    assert fit_kto(start, from_comparisons(planted(40)), KTO, tmp_path / "kto", recorder).interrupted
    assert not (tmp_path / "dpo").exists()
    assert not (tmp_path / "kto").exists()
    assert not list((tmp_path / "rm").glob("member_*"))


class StopsAtStep(SilentRecorder):
    """Asks for a stop at an optimizer step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def progress(self, stage, done, total, note=""):
        self.stop_requested = self.stop_requested or done == self.step


@pytest.mark.parametrize("kind", ["dpo", "kto", "reward model"])
@pytest.mark.parametrize("step", [3, 8])  # in the first and in the second of two epochs of 6 or 5 steps
def test_a_stopped_fit_goes_on_and_ends_bit_for_bit_as_in_one_go(start, tmp_path, kind, step):
    def fit(name, recorder):
        out, kept = tmp_path / name, tmp_path / f"{name} checkpoints"
        checkpoints = FitCheckpoints(kept)
        if kind == "dpo":
            return fit_dpo(start, planted(), DPO, out, recorder, checkpoints=checkpoints), out, kept
        if kind == "kto":
            return (
                fit_kto(start, from_comparisons(planted()), KTO, out, recorder, checkpoints=checkpoints),
                out,
                kept,
            )
        return fit_reward_model(start, planted(), RM, out, recorder), out / "member_0", out / "checkpoints_0"

    undisturbed = SilentRecorder()
    whole, folder, _ = fit("whole", undisturbed)
    stopping = StopsAtStep(step)
    stopped, _, kept = fit("broken", stopping)
    assert stopped.interrupted
    assert [path.name for path in kept.glob("checkpoint-*")] == [f"checkpoint-{step}"]
    again = SilentRecorder()
    resumed, other, _ = fit("broken", again)
    assert not resumed.interrupted
    assert (folder / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    assert {**resumed.to_json(), "seconds": 0} == {**whole.to_json(), "seconds": 0}
    assert stopping.rows == []  # logs are means over ten steps: the one that was stopped within ten is whole below
    assert undisturbed.rows
    assert again.rows == undisturbed.rows
    assert not kept.exists()  # done: nothing is left to go on from


def test_a_torn_checkpoint_of_a_fit_is_named_and_the_one_before_it_used(start, tmp_path):
    def fit(name, recorder):
        return fit_dpo(
            start, planted(), DPO, tmp_path / name, recorder, checkpoints=FitCheckpoints(tmp_path / f"{name} kept")
        )

    fit("whole", SilentRecorder())
    fit("broken", StopsAtStep(3))
    fit("broken", StopsAtStep(8))
    torn = tmp_path / "broken kept" / "checkpoint-8" / "optimizer.pt"
    torn.write_bytes(torn.read_bytes()[:-1])
    again = SilentRecorder()
    assert not fit("broken", again).interrupted
    (warning,) = again.warnings
    assert "checkpoint-8 is torn: optimizer.pt" in str(warning)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken")]
    assert weights[0] == weights[1]


def test_a_stop_asked_for_at_the_last_step_comes_too_late_to_interrupt(start, tmp_path):
    steps = fit_dpo(start, planted(), DPO, tmp_path / "whole", SilentRecorder()).steps
    assert not fit_dpo(start, planted(), DPO, tmp_path / "late", StopsAtStep(steps)).interrupted


def test_an_ensemble_goes_on_with_the_member_that_was_not_done(start, tmp_path):
    class StopsAfterTheFirst(SilentRecorder):
        def progress(self, stage, done, total, note=""):
            self.stop_requested = True  # asked for at the first step of the first member

    settings = RewardModelSettings(epochs=1, batch_size=16, members=2, held_out=0.2)
    whole = fit_reward_model(start, planted(), settings, tmp_path / "whole", SilentRecorder())
    stopping = StopsAfterTheFirst()
    assert fit_reward_model(start, planted(), settings, tmp_path / "broken", stopping).interrupted
    resumed = fit_reward_model(start, planted(), settings, tmp_path / "broken", SilentRecorder())
    assert resumed.normalisers == whole.normalisers
    for name in ("member_0", "member_1"):
        files = [tmp_path / run / name / "model.safetensors" for run in ("whole", "broken")]
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.slow
def test_an_ensemble_disagrees_and_its_worst_case_is_below_its_mean(start, tmp_path, tiny_policy):
    settings = RewardModelSettings(epochs=1, batch_size=16, members=3, combine="min", held_out=0.2)
    card = fit_reward_model(start, planted(), settings, tmp_path, SilentRecorder())
    assert card.spread is not None
    assert card.spread > 0
    sides = [side for c in planted(20) for side in token_pairs(c, tiny_policy)]
    worst, mean = load_reward(tmp_path).scores(sides), load_reward(tmp_path, combine="mean").scores(sides)
    assert all(w <= m for w, m in zip(worst, mean))


def test_a_fit_that_ends_before_its_rate_has_risen_says_so(start, tmp_path):
    recorder = SilentRecorder()
    card = fit_dpo(start, planted(12), DpoSettings(epochs=1, batch_size=16, lr=3e-3), tmp_path / "one", recorder)
    assert card.steps == 1
    assert card.margin_after == card.margin_before  # the first step has a rate of 0
    ((_, told),) = recorder.warnings
    assert told.startswith("1 optimizer step(s) in all")
    assert "nothing is learned" in told


def test_settings_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="label_smoothing"):
        DpoSettings(label_smoothing=0.1)
    with pytest.raises(ValueError, match="beta"):
        DpoSettings(beta=0.0)
    with pytest.raises(ValueError, match="combine"):
        RewardModelSettings(combine="median")
    with pytest.raises(ValueError, match="same score"):
        ProxyReward([object()], normalisers=((0.0, 0.0),))  # type: ignore[list-item]
