"""What is asked of vLLM, with a stand-in for it: the library itself is tried by `make vllm`, in its own environment."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from policies.sampling.engine import SamplingEngine
from policies.sampling.vllm_engine import VllmSampler, rollout_seed
from policies.tiny import TinyConfig, build_tiny
from policies.types import FinishReason, Request, Sampling


@pytest.fixture
def policy():
    return build_tiny(TinyConfig(layers=1, hidden=32, heads=2, context=64), vocabulary=None, seed=0)


class StandIn:
    """An engine that writes the last digit of the seed, and keeps what it was told."""

    def __init__(self, **settings):
        self.settings, self.asked, self.told = settings, [], []

    def generate(self, prompts, asked, use_tqdm):
        self.asked += list(zip(prompts, asked))
        outputs = []
        for params in asked:
            tokens = [10 + params.seed % 10] * (params.max_tokens - 1) + [params.stop_token_ids[0]]
            logprobs = [{token: SimpleNamespace(logprob=-0.5)} for token in tokens]
            outputs.append(SimpleNamespace(outputs=[SimpleNamespace(token_ids=tokens, logprobs=logprobs)]))
        return outputs

    def collective_rpc(self, method, kwargs):
        self.told.append((method, dict(kwargs["weights_iterator"]), kwargs["is_checkpoint_format"]))

    def apply_model(self, function):
        head = SimpleNamespace(quant_method=SimpleNamespace(process_weights_after_loading=self.told.append))
        self.head = head
        function(SimpleNamespace(lm_head=head))

    def reset_prefix_cache(self):
        self.told.append("prefixes dropped")


@pytest.fixture
def vllm(monkeypatch):
    module = ModuleType("vllm")
    module.__spec__ = SimpleNamespace(name="vllm")
    module.LLM, module.SamplingParams = StandIn, lambda **settings: SimpleNamespace(**settings)
    monkeypatch.setitem(sys.modules, "vllm", module)
    return module


def test_every_rollout_has_its_prompt_its_seed_and_its_limit(vllm, policy):
    engine = SamplingEngine(policy, backend="vllm", folder="/models/x", max_rows=16)
    requests = [Request((1, 5), (3, 4)), Request((1, 6), (9,), max_new_tokens=2)]
    sampling = Sampling(max_new_tokens=4, temperature=0.7)
    groups = engine.generate(requests, sampling, seed=11, version=5)
    asked = engine._vllm._llm.asked
    assert [prompt["prompt_token_ids"] for prompt, _ in asked] == [[1, 5], [1, 5], [1, 6]]
    assert [params.seed for _, params in asked] == [rollout_seed(11, uid) for uid in (3, 4, 9)]
    assert [params.max_tokens for _, params in asked] == [4, 4, 2]
    assert {params.temperature for _, params in asked} == {0.7}
    completions = [c for group in groups for c in group]
    assert [len(c.tokens) for c in completions] == [4, 4, 2]
    assert {c.finish for c in completions} == {FinishReason.STOP}
    assert {c.version for c in completions} == {5}
    assert completions[0].logprobs == (-0.5,) * 4


def test_stop_tokens_that_cannot_be_sampled_are_left_out(vllm, policy):
    """vLLM refuses them; a tokenizer may name tokens beyond the embeddings."""
    engine = SamplingEngine(policy, backend="vllm", folder="/models/x")
    own = policy.stop_ids
    policy.stop_ids = (*own, policy.model.config.vocab_size, 1 << 30)
    try:
        engine.generate([Request((1, 5), (3,))], Sampling(max_new_tokens=2), seed=1, version=0)
    finally:
        policy.stop_ids = own
    assert {tuple(params.stop_token_ids) for _, params in engine._vllm._llm.asked} == {tuple(own)}


def test_the_engine_is_set_up_for_training(vllm, policy):
    settings = VllmSampler("/models/x", policy, max_rows=16)._llm.settings
    assert settings["model"] == "/models/x"
    assert settings["max_model_len"] == 64
    assert settings["enable_prefix_caching"] is True
    assert settings["logprobs_mode"] == "processed_logprobs"
    assert settings["dtype"] == "float32"


def test_new_weights_reach_the_running_engine_its_tied_head_and_no_old_prefix(vllm, policy):
    engine = SamplingEngine(policy, backend="vllm", folder="/models/x")
    changed = {name: weight + 1 for name, weight in policy.weights().items()}
    policy.load_weights(changed)
    engine.refresh()
    stand_in = engine._vllm._llm
    (method, weights, is_checkpoint), head, dropped = stand_in.told
    assert (method, is_checkpoint) == ("reload_weights", True)
    assert weights.keys() == changed.keys()
    assert all(torch.equal(weights[name], changed[name]) for name in changed)
    assert head is stand_in.head
    assert dropped == "prefixes dropped"


def test_seeds_of_rollouts_differ_and_repeat():
    seeds = {rollout_seed(seed, uid) for seed in range(20) for uid in range(200)}
    assert len(seeds) == 4000
    assert rollout_seed(3, 4) == rollout_seed(3, 4)
    assert all(0 <= seed < 1 << 62 for seed in seeds)


def test_without_vllm_it_is_told_how_to_get_it(policy, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="make vllm"):
        SamplingEngine(policy, backend="vllm", folder="/models/x")


def test_an_algorithm_is_corrected_by_bounded_ratios_where_vllm_samples():
    from experiments.stages.training import corrected
    from rl.algorithms import make
    from rl.algorithms.settings import Correction

    grpo = make("grpo")
    assert corrected(grpo, "engine") is grpo
    assert corrected(grpo, "vllm").correction == Correction()
    own = make("grpo", correction={"cap": 5.0})
    assert corrected(own, "vllm") is own
    sft = make("sft")
    assert corrected(sft, "vllm") is sft
