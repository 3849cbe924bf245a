"""The sampling engine: what it draws, what it records, and that neither depends on the batch."""

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from scipy import stats
from transformers import (
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from policies.causal import CausalPolicy
from policies.kernels import load_kernels
from policies.sampling import draw as sampler
from policies.sampling import engine as engine_module
from policies.sampling.decoders.native import NativeDecoder, common_beginning
from policies.sampling.decoders.page_tables import PageTables
from policies.sampling.engine import SamplingEngine
from policies.sampling.randomness import GOLDEN_GAMMA, row_keys, splitmix64, uniforms
from policies.scoring.logprobs import score_tokens
from policies.tiny import TinyConfig, build_tiny
from policies.types import FinishReason, Request, Sampling

WORDS = [str(i) for i in range(60)]
DECODERS = ("native", "lean", "generic")


def tiny(seed=0, **config):
    return build_tiny(
        TinyConfig(**{"layers": 2, "hidden": 32, "heads": 2, "context": 128, **config}), vocabulary=WORDS, seed=seed
    )


def sharpened(policy, scale=3.0):
    """The same policy with larger logits: a freshly initialised one is almost uniform and tests little."""
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(scale)
    return policy


def other_model(kind):
    """A policy whose model is of another family, with the tiny tokenizer."""
    base = tiny()
    shape = {"vocab_size": len(base.tokenizer), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128}
    ends = {"eos_token_id": 2, "pad_token_id": 0, "bos_token_id": 1}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        if kind == "qwen2":
            model = Qwen2ForCausalLM(Qwen2Config(**shape, **heads, **ends))
            for layer in model.model.layers:  # biases start at zero, where a decoder that drops them would pass
                for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
                    torch.nn.init.normal_(projection.bias)
        elif kind == "qwen3":
            model = Qwen3ForCausalLM(Qwen3Config(**shape, **heads, **ends, head_dim=16))
            for layer in model.model.layers:
                torch.nn.init.uniform_(layer.self_attn.q_norm.weight, 0.5, 1.5)
                torch.nn.init.uniform_(layer.self_attn.k_norm.weight, 0.5, 1.5)
        else:
            config = GPT2Config(vocab_size=shape["vocab_size"], n_embd=32, n_layer=2, n_head=2, n_positions=128, **ends)
            model = GPT2LMHeadModel(config)
    return sharpened(CausalPolicy(model.eval(), base.tokenizer))


def make_requests(policy, count=6, group=4, first_uid=0):
    prompts = [policy.encode(" ".join(str((7 * i + j) % 60) for j in range(3 + 5 * i % 11))) for i in range(count)]
    return [
        Request(prompt, tuple(range(first_uid + i * group, first_uid + (i + 1) * group)))
        for i, prompt in enumerate(prompts)
    ]


def tokens_of(groups):
    return [[completion.tokens for completion in group] for group in groups]


def skip_without_compiler(decoder):
    if decoder == "native" and load_kernels() is None:
        pytest.skip("no C compiler")


def teacher_forced(policy, request, completion, temperature=1.0):
    tokens = torch.tensor([[*request.prompt, *completion.tokens]])
    attention = torch.ones_like(tokens, dtype=torch.bool)
    with torch.no_grad():
        scores = score_tokens(policy.model, tokens, attention, temperature=temperature)
    return scores.logprobs[0, len(request.prompt) :]


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("kind", ["llama", "llama-gqa-tied", "qwen2", "qwen3"])
def test_greedy_tokens_equal_transformers_generate(kind, decoder):
    skip_without_compiler(decoder)
    llamas = {"llama": {}, "llama-gqa-tied": {"heads": 4, "kv_heads": 2, "tie_embeddings": True}}
    policy = sharpened(tiny(**llamas[kind])) if kind in llamas else other_model(kind)
    requests = make_requests(policy, group=1)
    ours = SamplingEngine(policy, decoder=decoder).generate(requests, Sampling(20, temperature=0), seed=0)
    for request, (completion,) in zip(requests, ours, strict=True):
        theirs = policy.model.generate(torch.tensor([request.prompt]), max_new_tokens=20, do_sample=False)
        assert completion.tokens == tuple(theirs[0, len(request.prompt) :].tolist())


def test_other_architectures_run_through_their_own_forward():
    policy = other_model("gpt2")
    requests = make_requests(policy, group=1)
    engine = SamplingEngine(policy)
    for request, (completion,) in zip(
        requests, engine.generate(requests, Sampling(20, temperature=0), seed=0), strict=True
    ):
        theirs = policy.model.generate(torch.tensor([request.prompt]), max_new_tokens=20, do_sample=False)
        assert completion.tokens == tuple(theirs[0, len(request.prompt) :].tolist())


@pytest.mark.parametrize("backend", ["generate", "continuous"])
@pytest.mark.parametrize("lora", [False, True])
def test_a_models_own_ways_of_generating_change_no_sample(backend, lora):
    """Chat models come with a repetition penalty and suppressed tokens for their demos."""
    if backend == "continuous" and lora:
        pytest.skip("PEFT models have no continuous batching")
    policy = sharpened(tiny())
    if lora:
        policy = CausalPolicy(
            get_peft_model(policy.model, LoraConfig(r=2, target_modules=["q_proj"])), policy.tokenizer
        )
    requests = [Request(policy.encode("1 2 3"), tuple(range(16)))]
    engine = SamplingEngine(policy, backend=backend)
    plain = engine.generate(requests, Sampling(12), seed=0)
    model = policy.model.get_base_model() if lora else policy.model
    own = GenerationConfig(repetition_penalty=5.0, no_repeat_ngram_size=1, suppress_tokens=[7, 8, 9], min_new_tokens=9)
    policy.model.generation_config = model.generation_config = own
    assert engine.generate(requests, Sampling(12), seed=0) == plain
    assert model.generation_config is own


@pytest.mark.parametrize("backend", ["generate", "continuous"])
def test_reference_backends_give_the_engines_greedy_tokens(backend):
    policy = sharpened(tiny())
    requests, sampling = make_requests(policy, count=3, group=2), Sampling(8, temperature=0)
    reference = SamplingEngine(policy, backend=backend).generate(requests, sampling, seed=0)
    ours = SamplingEngine(policy).generate(requests, sampling, seed=0)
    assert tokens_of(reference) == tokens_of(ours)
    for mine, theirs in zip(sum(ours, ()), sum(reference, ()), strict=True):
        assert mine.logprobs == pytest.approx(theirs.logprobs, abs=1e-5)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    "sampling", [Sampling(24), Sampling(24, temperature=0.6), Sampling(24, 1.3, top_k=5, top_p=0.8)]
)
def test_stored_logprobs_equal_teacher_forcing(decoder, sampling):
    skip_without_compiler(decoder)
    policy = sharpened(tiny())
    requests = make_requests(policy)
    groups = SamplingEngine(policy, decoder=decoder).generate(requests, sampling, seed=5)
    for request, group in zip(requests, groups, strict=True):
        for completion in group:
            expected = teacher_forced(policy, request, completion, sampling.temperature)
            assert completion.logprobs == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_rollouts_tokens_do_not_depend_on_its_batch(decoder):
    skip_without_compiler(decoder)
    policy = sharpened(tiny(), 2.0)
    requests = make_requests(policy, count=8, group=5)
    sampling = Sampling(40)
    whole = tokens_of(SamplingEngine(policy, decoder=decoder).generate(requests, sampling, seed=9))
    # fewer rows than one group: groups are split, rows refilled many times, in reversed order
    cramped = SamplingEngine(policy, decoder=decoder, max_rows=3).generate(requests[::-1], sampling, seed=9)
    assert tokens_of(cramped)[::-1] == whole
    alone = [
        SamplingEngine(policy, decoder=decoder).generate([Request(r.prompt, r.uids[1:2])], sampling, seed=9)
        for r in requests
    ]
    assert [group[0][0].tokens for group in alone] == [group[1] for group in whole]
    assert len({len(tokens) for group in whole for tokens in group}) > 5, "lengths must be ragged for this test to bite"


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_requests_own_limit_cuts_what_the_longer_one_would_have_given(decoder):
    skip_without_compiler(decoder)
    policy = sharpened(tiny())
    engine, sampling = SamplingEngine(policy, decoder=decoder), Sampling(max_new_tokens=20)
    whole = make_requests(policy, count=4, group=3)
    cut = [replace(request, max_new_tokens=limit) for request, limit in zip(whole, (3, 20, 1, 7), strict=True)]
    longer, shorter = (engine.generate(requests, sampling, seed=1) for requests in (whole, cut))
    for request, before, after in zip(cut, longer, shorter, strict=True):
        for long, short in zip(before, after, strict=True):
            assert short.tokens == long.tokens[: request.max_new_tokens]
            assert short.finish is (long.finish if short.tokens == long.tokens else FinishReason.LENGTH)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_stop_text_ends_a_completion_where_it_first_stands(decoder):
    skip_without_compiler(decoder)
    policy = sharpened(tiny())
    engine, sampling = SamplingEngine(policy, decoder=decoder), Sampling(max_new_tokens=30)
    requests = make_requests(policy, count=4, group=4)
    plain = [c for group in engine.generate(requests, sampling, seed=1) for c in group]
    words = [word for c in plain for word in c.text.split()]
    counts = {word: sum(word in c.text for c in plain) for word in words}
    stop = (min(counts, key=lambda word: abs(counts[word] - 5)), f"{words[3]} {words[4]}")  # a word, and two in a row
    stopped = [c for group in engine.generate(requests, replace(sampling, stop=stop), seed=1) for c in group]
    for whole, cut in zip(plain, stopped, strict=True):
        places = [whole.text.find(text) for text in stop if text in whole.text]
        assert cut.text == (whole.text[: min(places)] if places else whole.text)
        assert cut.tokens == whole.tokens[: len(cut.tokens)]
        assert cut.logprobs == pytest.approx(whole.logprobs[: len(cut.tokens)], abs=1e-5)
        if places:
            assert cut.finish is FinishReason.STOP
            assert policy.decode(cut.tokens).startswith(cut.text)
            assert any(text in policy.decode(cut.tokens) for text in stop)
            assert not any(text in policy.decode(cut.tokens[:-1]) for text in stop)
        else:
            assert (cut.tokens, cut.finish) == (whole.tokens, whole.finish)
    assert {c.text == d.text for c, d in zip(plain, stopped, strict=True)} == {True, False}


@pytest.mark.parametrize("backend", ["generate", "continuous"])
def test_reference_backends_stop_at_the_same_texts(backend):
    policy = sharpened(tiny())
    requests = make_requests(policy, count=5, group=1)
    greedy = Sampling(max_new_tokens=20, temperature=0)
    words = [word for (c,) in SamplingEngine(policy).generate(requests, greedy, seed=0) for word in c.text.split()]
    greedy = replace(greedy, stop=(words[2], words[-1]))
    ours = SamplingEngine(policy).generate(requests, greedy, seed=0)
    theirs = SamplingEngine(policy, backend=backend).generate(requests, greedy, seed=0)
    assert [(c.tokens, c.text, c.finish) for (c,) in ours] == [(c.tokens, c.text, c.finish) for (c,) in theirs]
    assert any(len(c.tokens) < 20 for (c,) in ours)


@pytest.mark.parametrize("stop", [("",), "text", (3,), ("a", "")])
def test_stop_texts_are_texts(stop):
    with pytest.raises(ValueError, match=r"stop is|texts of at least one"):
        Sampling(stop=stop)


@pytest.mark.parametrize("decoder", ["lean", "generic"])
def test_decoders_draw_the_same_samples_as_the_compiled_one(decoder):
    skip_without_compiler("native")
    policy = sharpened(tiny(), 2.0)
    requests = make_requests(policy)
    for sampling in (Sampling(30, 0.9), Sampling(30, 1.0, top_p=0.9), Sampling(30, 1.0, top_k=7)):
        native = SamplingEngine(policy, decoder="native").generate(requests, sampling, seed=2)
        assert tokens_of(SamplingEngine(policy, decoder=decoder).generate(requests, sampling, seed=2)) == tokens_of(
            native
        )


def test_seed_and_uid_name_the_sample():
    policy = tiny()
    request = make_requests(policy, count=1, group=4)[0]
    engine = SamplingEngine(policy)
    first = tokens_of(engine.generate([request], Sampling(12), seed=1))[0]
    assert tokens_of(engine.generate([request], Sampling(12), seed=1))[0] == first
    assert tokens_of(engine.generate([request], Sampling(12), seed=2))[0] != first
    assert len(set(first)) == 4
    swapped = Request(request.prompt, request.uids[::-1])
    assert tokens_of(engine.generate([swapped], Sampling(12), seed=1))[0] == first[::-1]


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    "sampling",
    [Sampling(1), Sampling(1, 0.5), Sampling(1, 1.0, top_k=6), Sampling(1, 1.0, top_p=0.7), Sampling(1, 2.0, 12, 0.9)],
)
def test_sampled_tokens_follow_the_softmax(decoder, sampling):
    skip_without_compiler(decoder)
    policy = sharpened(tiny(), 2.0)
    prompt = policy.encode("1 2 3")
    with torch.no_grad():
        logits = policy.model(torch.tensor([prompt])).logits[0, -1].double() / sampling.temperature
    expected = nucleus(logits.softmax(-1), sampling)
    count = 6000
    (group,) = SamplingEngine(policy, decoder=decoder, max_rows=8192).generate(
        [Request(prompt, tuple(range(count)))], sampling, seed=4
    )
    drawn = torch.bincount(torch.tensor([c.tokens[0] for c in group]), minlength=len(expected)).double()
    assert drawn[expected == 0].sum() == 0
    kept = expected > 0
    assert stats.chisquare(drawn[kept], expected[kept] * count).pvalue > 1e-4


def nucleus(probabilities, sampling):
    """The sampling distribution by the definitions: keep the k likeliest, then the smallest set of mass >= p."""
    kept = probabilities.clone()
    ranks = sorted(range(len(kept)), key=lambda i: -float(kept[i]))
    if sampling.top_k:
        kept[ranks[sampling.top_k :]] = 0
    kept /= kept.sum()
    if sampling.top_p < 1:
        mass = 0.0
        for index in ranks:
            if mass >= sampling.top_p:
                kept[index] = 0
            mass += float(kept[index])
    return kept / kept.sum()


def test_later_tokens_follow_the_softmax_given_the_earlier_ones():
    # the joint of two tokens, against exact enumeration: catches a stale cache or a reused uniform number
    policy = sharpened(build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary=["a", "b", "c"], seed=1), 4.0)
    prompt = policy.encode("a b")
    with torch.no_grad():
        first = policy.model(torch.tensor([prompt])).logits[0, -1].double().softmax(-1)
        second = [
            policy.model(torch.tensor([[*prompt, t]])).logits[0, -1].double().softmax(-1) for t in range(len(first))
        ]
    expected = {(t,): float(first[t]) for t in policy.stop_ids}
    for t, p in enumerate(first.tolist()):
        if t not in policy.stop_ids:
            expected |= {(t, u): p * q for u, q in enumerate(second[t].tolist())}
    count = 8000
    (group,) = SamplingEngine(policy, max_rows=1000).generate(
        [Request(prompt, tuple(range(count)))], Sampling(2), seed=0
    )
    drawn = dict.fromkeys(expected, 0)
    for completion in group:
        drawn[completion.tokens] += 1
    common = [key for key, p in expected.items() if p * count >= 5]
    rest = count - sum(drawn[key] for key in common)
    observed = [drawn[key] for key in common] + [rest]
    theory = [expected[key] * count for key in common]
    assert stats.chisquare(observed, [*theory, count - sum(theory)]).pvalue > 1e-4


def test_completions_end_at_the_first_of_several_stop_ids():
    policy = sharpened(tiny())
    requests, sampling = make_requests(policy, count=4, group=8), Sampling(30)
    full = tokens_of(SamplingEngine(policy).generate(requests, sampling, seed=3))
    policy.stop_ids = (*policy.stop_ids, 20, 21, 22)
    cut = SamplingEngine(policy).generate(requests, sampling, seed=3)
    for before, after in zip(full, cut, strict=True):
        for long, completion in zip(before, after, strict=True):
            ends = [i for i, t in enumerate(long) if t in policy.stop_ids]
            assert completion.tokens == (long[: ends[0] + 1] if ends else long)
            assert (completion.finish is FinishReason.STOP) == bool(ends)
            assert len(completion.logprobs) == len(completion.tokens)


def test_a_padding_id_that_is_the_end_token_changes_nothing():
    policy = tiny()
    requests = make_requests(policy)
    expected = SamplingEngine(policy).generate(requests, Sampling(16), seed=1)
    policy.pad_id = policy.stop_ids[0]
    for decoder in ("auto", "generic"):
        got = SamplingEngine(policy, decoder=decoder, max_rows=5).generate(requests, Sampling(16), seed=1)
        assert tokens_of(got) == tokens_of(expected)
        assert [c.finish for g in got for c in g] == [c.finish for g in expected for c in g]


@pytest.mark.parametrize("decoder", ["lean", "generic"])
def test_a_group_shares_one_prefill(decoder, monkeypatch):
    policy = tiny()
    requests = make_requests(policy, count=3, group=8)
    shapes = []
    forward = policy.model.model.forward

    def spy(input_ids=None, **rest):
        shapes.append(tuple(input_ids.shape))
        return forward(input_ids=input_ids, **rest)

    monkeypatch.setattr(policy.model.model, "forward", spy)
    SamplingEngine(policy, decoder=decoder).generate(requests, Sampling(4), seed=0)
    assert shapes[0] == (3, max(len(r.prompt) for r in requests))


def test_pages_of_a_prompt_are_stored_once_and_come_back():
    tables = PageTables(rows=8, longest_prompt=40, max_new_tokens=33)
    free = len(tables._free)
    tables.admit([40, 5], [0, 0, 0, 1, 1])  # 3 pages and 1 page, whatever the number of rows
    assert len(tables._free) == free - 4
    for _ in range(17):  # a second page of 16 own tokens per row
        tables.extend()
    assert len(tables._free) == free - 4 - 5 * 2
    used = {int(page) for row in range(5) for page in tables.tables[row, tables_of(tables, row)]}
    assert len(used) == 4 + 10, "no page belongs to two owners"
    order = tables.keep(np.array([False, True, False, True, False]))
    assert order.tolist() == [1, 3]
    assert len(tables._free) == free - 4 - 2 * 2
    tables.keep(np.array([False, False]))
    assert sorted(tables._free) == list(range(tables.count))


def test_pages_of_a_common_beginning_are_stored_once_and_come_back_with_the_last_prompt():
    tables = PageTables(rows=8, longest_prompt=40, max_new_tokens=33)
    free = len(tables._free)
    found = tables.admit([40, 35, 33], [0, 0, 1, 2], common=32)
    assert len(tables._free) == free - 2 - 3  # two pages of all, and one of each
    assert (found[:, :2] == found[0, :2]).all()
    assert len({int(page) for page in found[:, 2]} | {int(page) for page in found[0, :2]}) == 5
    tables.keep(np.array([True, False, False, True]))  # the second prompt is gone
    assert len(tables._free) == free - 2 - 2
    tables.admit([3], [0])  # others come meanwhile
    tables.keep(np.array([False, False, True]))
    assert len(tables._free) == free - 1
    tables.keep(np.array([False]))
    assert sorted(tables._free) == list(range(tables.count))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("common", [0, 15, 16, 17, 32, 47, 48])
def test_what_prompts_begin_with_is_computed_once_and_changes_no_bit(common, threads, monkeypatch):
    skip_without_compiler("native")
    policy = sharpened(tiny())
    beginning = tuple((5 * j) % 50 + 4 for j in range(common))
    requests = [
        Request((*beginning, *(4 + i for _ in range(n))), (2 * i, 2 * i + 1)) for i, n in enumerate((1, 3, 20), 1)
    ]
    computed = []
    step = NativeDecoder._step

    def spy(self, tokens, *rest):
        computed.append(len(tokens))
        return step(self, tokens, *rest)

    monkeypatch.setattr(NativeDecoder, "_step", spy)
    engine, before = SamplingEngine(policy, decoder="native"), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = engine.generate(requests, Sampling(1), seed=0)
        assert sum(computed) == sum(len(r.prompt) for r in requests) - 2 * (common // 16 * 16)
        together = engine.generate(requests, Sampling(9), seed=0)
    finally:
        torch.set_num_threads(before)
    assert together == [engine.generate([request], Sampling(9), seed=0)[0] for request in requests]


def test_equal_prompts_and_prompts_that_begin_others_keep_a_token_of_their_own():
    whole = tuple(range(4, 52))  # three pages
    assert common_beginning([whole, whole]) == 32
    assert common_beginning([whole, whole[:33], whole]) == 32
    assert common_beginning([whole, whole[:32]]) == 16
    assert common_beginning([whole, (1, *whole)]) == 0
    assert common_beginning([whole]) == 0


def tables_of(tables, row):
    """Columns of a row's table that are in use."""
    return slice(0, -(-int(tables.prompts[row]) // 16) + -(-int(tables.owns[row]) // 16))


@pytest.mark.parametrize("lengths", [(1, 15, 16, 17, 31, 32, 33, 48)])
def test_prompts_of_every_length_around_a_page_continue_as_generate_does(lengths):
    skip_without_compiler("native")
    policy = sharpened(tiny())
    requests = [Request(tuple((7 * j) % 50 + 4 for j in range(n)), (n,)) for n in lengths]
    for request, (completion,) in zip(
        requests,
        SamplingEngine(policy, decoder="native").generate(requests, Sampling(40, temperature=0), seed=0),
        strict=True,
    ):
        theirs = policy.model.generate(torch.tensor([request.prompt]), max_new_tokens=40, do_sample=False)
        assert completion.tokens == tuple(theirs[0, len(request.prompt) :].tolist())


def test_bucketed_steps_of_the_lean_decoder_equal_exact_ones(monkeypatch):
    # the shapes that CUDA graphs replay, run eagerly: dead rows and masked columns must not matter
    policy = sharpened(tiny(), 2.0)
    requests = make_requests(policy, count=7, group=3)
    expected = tokens_of(SamplingEngine(policy, decoder="lean").generate(requests, Sampling(30), seed=8))
    engine = SamplingEngine(policy, decoder="lean", max_rows=12)
    exact = engine_module.LeanDecoder
    monkeypatch.setattr(engine_module, "LeanDecoder", functools.partial(exact, bucketed=True))
    for _ in range(2):  # the second call reuses memory and buckets of the first
        assert tokens_of(engine.generate(requests, Sampling(30), seed=8)) == expected
    assert isinstance(engine._lean, exact)
    assert len(engine._lean.graphs) > 1


def test_bfloat16_decoding_follows_the_float32_policy():
    policy = sharpened(tiny())
    requests = make_requests(policy, count=2, group=2)
    groups = SamplingEngine(policy, dtype="bfloat16").generate(requests, Sampling(12), seed=0)
    for request, group in zip(requests, groups, strict=True):
        for completion in group:
            expected = teacher_forced(policy, request, completion)
            # bfloat16 has 8 bits: a few percent of logits of size about 1, and not the 1e-5 of float32
            assert completion.logprobs == pytest.approx(expected.tolist(), abs=0.3)
    assert policy.model.dtype == torch.float32


def test_weights_are_read_anew_by_every_call():
    policy, other = tiny(seed=0), tiny(seed=1)
    requests = make_requests(policy)
    engine = SamplingEngine(policy)
    engine.generate(requests, Sampling(8), seed=0)
    policy.load_weights(other.weights())
    assert tokens_of(engine.generate(requests, Sampling(8), seed=0)) == tokens_of(
        SamplingEngine(other).generate(requests, Sampling(8), seed=0)
    )


def test_dropout_is_off_while_sampling_and_the_mode_comes_back():
    policy = other_model("gpt2")  # has dropout 0.1
    requests = make_requests(policy)
    expected = tokens_of(SamplingEngine(policy).generate(requests, Sampling(8), seed=0))
    policy.model.train()
    assert tokens_of(SamplingEngine(policy).generate(requests, Sampling(8), seed=0)) == expected
    assert policy.model.training


@pytest.mark.parametrize("decoder", DECODERS)
def test_diverged_weights_are_an_error(decoder):
    skip_without_compiler(decoder)
    policy = tiny()
    with torch.no_grad():
        policy.model.lm_head.weight[5] = math.nan
    with pytest.raises(FloatingPointError, match="diverged"):
        SamplingEngine(policy, decoder=decoder).generate(make_requests(policy), Sampling(4), seed=0)


def test_mistakes_are_refused_with_what_to_do():
    policy = tiny()
    engine = SamplingEngine(policy)
    with pytest.raises(ValueError, match="empty prompt"):
        engine.generate([Request((), (0,))], Sampling(4), seed=0)
    with pytest.raises(ValueError, match="uid"):
        engine.generate([Request((1,), (-1,))], Sampling(4), seed=0)
    with pytest.raises(ValueError, match="context of 128"):
        engine.generate([Request((1,) * 100, (0,))], Sampling(64), seed=0)
    for temperature in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"temperature is {temperature}"):
            Sampling(4, temperature)
    with pytest.raises(ValueError, match="backend"):
        SamplingEngine(policy, backend="vllm")
    with pytest.raises(ValueError, match="gpt2"):
        SamplingEngine(other_model("gpt2"), decoder="lean").generate([Request((1,), (0,))], Sampling(4), seed=0)


def test_requests_without_uids_get_no_completions():
    policy = tiny()
    prompt = policy.encode("1")
    groups = SamplingEngine(policy).generate(
        [Request(prompt, ()), Request(prompt, (3,)), Request(prompt, ())], Sampling(4), seed=0
    )
    assert [len(group) for group in groups] == [0, 1, 0]
    assert SamplingEngine(policy).generate([], Sampling(4), seed=0) == []


def test_long_completions_move_through_a_short_cache():
    # more tokens than the generic cache has columns: rows are moved to the left while others wait
    policy = sharpened(tiny(context=700), 2.0)
    requests = make_requests(policy, count=30, group=2)
    narrow = SamplingEngine(policy, decoder="generic", max_rows=6).generate(requests, Sampling(80), seed=6)
    assert tokens_of(narrow) == tokens_of(
        SamplingEngine(policy, decoder="generic").generate(requests, Sampling(80), seed=6)
    )


def test_uniform_numbers_are_uniform_and_independent_of_neighbours():
    keys = row_keys(0, torch.arange(400))
    numbers = uniforms(keys[:, None], torch.arange(100)[None])
    assert stats.kstest(numbers.flatten().numpy(), "uniform").pvalue > 1e-3
    # neighbouring uids, neighbouring positions and neighbouring seeds are uncorrelated: |r| < 5 / sqrt(40,000)
    shifted = uniforms(row_keys(1, torch.arange(400))[:, None], torch.arange(100)[None])
    for a, b in ((numbers[1:], numbers[:-1]), (numbers[:, 1:], numbers[:, :-1]), (numbers, shifted)):
        assert abs(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) < 0.025


def test_splitmix64_equals_the_published_sequence():
    # first outputs of the reference implementation (Vigna, prng.di.unimi.it/splitmix64.c) for state 1234567
    gamma = torch.tensor(GOLDEN_GAMMA)
    states = [torch.tensor(1234567) + i * gamma for i in range(3)]
    assert [int(splitmix64(s)) % (1 << 64) for s in states] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_inverse_cdf_never_picks_an_impossible_token():
    logits = torch.tensor([[-math.inf, 0.0, -math.inf, 0.0, -math.inf]]).repeat(4, 1)
    uniform = torch.tensor([0.0, 0.4999, 0.5, 1 - 2.0**-53], dtype=torch.float64)
    tokens, logprobs = sampler.draw(logits, uniform, Sampling(1))
    assert tokens.tolist() == [1, 1, 3, 3]
    assert logprobs.tolist() == pytest.approx([math.log(0.5)] * 4)
