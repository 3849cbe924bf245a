"""The compiled kernels: products against float64, and rows that do not feel their neighbours."""

import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.kernels import load_kernels
from policies.kernels.memory import large_block
from policies.kernels.threads import run_all
from policies.sampling.decoders.native import NativeDecoder, why_not_native
from policies.sampling.engine import SamplingEngine, choose_decoder
from policies.tiny import TinyConfig, build_tiny
from policies.types import Request, Sampling

KERNELS = load_kernels()
pytestmark = pytest.mark.skipif(KERNELS is None, reason="no C compiler")
needs_half = pytest.mark.skipif(
    KERNELS is None or not KERNELS.has_half_products(), reason="no bfloat16 products on this processor"
)
WORDS = [str(i) for i in range(60)]


def make_policy(**config):
    policy = build_tiny(
        TinyConfig(**{"layers": 2, "hidden": 48, "heads": 3, "context": 256, **config}), vocabulary=WORDS, seed=1
    )
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(3.0)
    return policy


def make_requests(lengths, group):
    rng = np.random.default_rng(0)
    prompts = [tuple(int(t) for t in rng.integers(4, 64, n)) for n in lengths]
    return [Request(p, tuple(range(i * group, (i + 1) * group))) for i, p in enumerate(prompts)]


def multiply(x, weights, *, half=False, out=None):
    """x [rows, depth] times the linear layer weights [columns, depth], through the kernels; added to `out` if given."""
    (rows, depth), columns = x.shape, len(weights)
    result = torch.full((rows, columns), float("nan")) if out is None else out.clone()
    packed = torch.zeros(KERNELS.packed_floats(depth + 1, columns))
    if not half:
        KERNELS.pack(weights.data_ptr(), columns, depth, 0, packed.data_ptr())
    else:
        KERNELS.half_pack(weights.data_ptr(), columns, depth, 0, packed.data_ptr())
    scratch = torch.empty(rows * (depth + 1))
    KERNELS.multiply(
        x.data_ptr(), packed.data_ptr(), rows, depth, columns, result.data_ptr(), int(out is not None), int(half),
        scratch.data_ptr(),
    )  # fmt: skip
    return result


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 80), st.booleans())
def test_products_equal_those_in_float64(rows, depth, columns, is_added):
    generator = torch.Generator().manual_seed(rows * 10007 + depth * 101 + columns)
    x, weights = torch.randn(rows, depth, generator=generator), torch.randn(columns, depth, generator=generator)
    out = torch.randn(rows, columns, generator=generator) if is_added else None
    expected = x.double() @ weights.double().t() + (0 if out is None else out.double())
    torch.testing.assert_close(multiply(x, weights, out=out).double(), expected, atol=1e-4, rtol=1e-5)


@needs_half
@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 80))
def test_half_products_are_those_of_rounded_factors_summed_in_float32(rows, depth, columns):
    generator = torch.Generator().manual_seed(rows * 10007 + depth * 101 + columns)
    x, weights = torch.randn(rows, depth, generator=generator), torch.randn(columns, depth, generator=generator)
    expected = x.bfloat16().double() @ weights.bfloat16().double().t()
    torch.testing.assert_close(multiply(x, weights, half=True).double(), expected, atol=1e-4, rtol=1e-5)


@needs_half
@pytest.mark.parametrize("bits", [0x7FC00000, 0x7FFFFFFF, -1])  # the second is what a GPU writes
@pytest.mark.parametrize("side", ["activations", "weights"])
def test_every_nan_stays_one_in_bfloat16(bits, side):
    x, weights = torch.ones(2, 17), torch.ones(3, 17)
    (x if side == "activations" else weights).view(torch.int32)[0, 16] = bits
    product = multiply(x, weights, half=True)
    assert (product[0] if side == "activations" else product[:, 0]).isnan().all()
    assert product[1, 1] == 17


@pytest.mark.parametrize("half", [False, pytest.param(True, marks=needs_half)])
def test_a_row_of_a_product_is_the_same_bit_for_bit_whatever_is_beside_it(half):
    generator = torch.Generator().manual_seed(0)
    x, weights = torch.randn(37, 50, generator=generator), torch.randn(45, 50, generator=generator)
    together = multiply(x, weights, half=half)
    for row in range(37):
        assert torch.equal(multiply(x[row : row + 1], weights, half=half), together[row : row + 1])
    assert torch.equal(multiply(x[5:18].contiguous(), weights, half=half), together[5:18])


@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=needs_half)])
def test_a_rollout_is_the_same_bit_for_bit_in_any_batch(dtype):
    policy = make_policy()
    requests = make_requests([3, 17, 16, 40, 5], group=7)

    def sample(engine, part):
        return [c for group in engine.generate(part, Sampling(30), seed=3) for c in group]

    engine = SamplingEngine(policy, dtype=dtype)
    assert choose_decoder(policy.model, getattr(torch, dtype)) == "native"
    together = sample(engine, requests)
    assert sample(SamplingEngine(policy, dtype=dtype, max_rows=9), requests) == together
    assert sample(engine, requests[::-1]) == [c for i in range(4, -1, -1) for c in together[7 * i : 7 * i + 7]]
    alone = [c for r in requests for uid in r.uids for c in sample(engine, [Request(r.prompt, (uid,))])]
    assert alone == together  # tokens and log-probabilities, exactly


def test_threads_change_nothing():
    policy, requests = make_policy(), make_requests([3, 17, 16, 40, 5], group=8)
    one = SamplingEngine(policy).generate(requests, Sampling(20), seed=3)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert SamplingEngine(policy).generate(requests, Sampling(20), seed=3) == one
    finally:
        torch.set_num_threads(before)


def test_more_rows_than_a_chunk_and_prompts_longer_than_one():
    policy = make_policy(context=700)
    requests = make_requests([300, 520, 2], group=100)
    greedy = Sampling(4, temperature=0)
    native = SamplingEngine(policy, decoder="native").generate(requests, greedy, seed=0)
    lean = SamplingEngine(policy, decoder="lean").generate([Request(r.prompt, (0,)) for r in requests], greedy, seed=0)
    for group, (expected,) in zip(native, lean, strict=True):
        assert {c.tokens for c in group} == {expected.tokens}


@needs_half
def test_bfloat16_kernels_stay_close_to_float32():
    policy = make_policy()
    request = Request((5, 6, 7, 8, 9, 10, 11), (0,))
    limits = {"rows": 1, "longest_prompt": 7, "max_new_tokens": 2, "pad_id": 0}
    with torch.inference_mode():
        exact, rounded = (
            NativeDecoder(policy.model, dtype, **limits).admit([request.prompt], [0])
            for dtype in (torch.float32, torch.bfloat16)
        )
    assert torch.nn.functional.cosine_similarity(exact, rounded).item() > 0.999
    assert not torch.equal(exact, rounded)


def test_what_the_kernels_cannot_serve_is_said():
    policy = make_policy(hidden=20, heads=2)  # head size 10
    assert why_not_native(policy.model, torch.float32) == "head size and MLP width must be multiples of 8"
    assert "float32 and bfloat16" in why_not_native(policy.model, torch.float16)


@pytest.mark.parametrize("token", [64, -1, 1 << 40])
def test_a_token_beyond_the_vocabulary_is_refused_before_it_is_looked_up(token):
    with pytest.raises(ValueError, match=f"request 1 has token {token} and the model reads tokens 0 to 63"):
        SamplingEngine(make_policy()).generate([Request((5,), (0,)), Request((5, token), (1,))], Sampling(2), seed=0)


def test_calls_that_still_run_are_waited_for_when_another_fails():
    finished, before = threading.Event(), torch.get_num_threads()

    def fail():
        raise MemoryError("none left")

    def write():
        time.sleep(0.3)
        finished.set()

    torch.set_num_threads(2)
    try:
        with pytest.raises(MemoryError):
            run_all([(fail,), (write,)])
    finally:
        torch.set_num_threads(before)
    assert finished.is_set()  # else it would write to memory that its caller has freed


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(6, 1.0, top_k=10**6),
        Sampling(6, 1.0, top_p=1e-9),
        Sampling(6, 1.0, top_k=1),
        Sampling(6, 1e-4),
        Sampling(6, 1e6),
        Sampling(1),
    ],
)
def test_extreme_settings_draw_what_the_other_decoder_draws(sampling):
    policy, requests = make_policy(), make_requests([3, 17], group=8)
    requests.append(Request(requests[0].prompt, (0, 0)))  # a uid twice: the same rollout twice
    native, generic = (
        SamplingEngine(policy, decoder=name).generate(requests, sampling, seed=1) for name in ("native", "generic")
    )
    assert [[c.tokens for c in group] for group in native] == [[c.tokens for c in group] for group in generic]
    assert native[2] == (native[0][0], native[0][0])
    if sampling.top_p < 1e-6 or sampling.top_k == 1 or sampling.temperature < 1e-3:
        greedy = SamplingEngine(policy).generate(requests, Sampling(6, temperature=0), seed=0)
        assert [[c.tokens for c in group] for group in native] == [[c.tokens for c in group] for group in greedy]


@pytest.mark.parametrize("decoder", ["native", "lean", "generic"])
def test_the_first_of_equal_logits_is_the_greedy_token(decoder):
    policy = make_policy()
    with torch.no_grad():
        policy.model.lm_head.weight[:] = policy.model.lm_head.weight[:1]
    policy.stop_ids = ()  # nothing ends a completion but its length
    (group,) = SamplingEngine(policy, decoder=decoder).generate([Request((5,), (0,))], Sampling(3, 0.0), seed=0)
    assert group[0].tokens == (0, 0, 0)


@pytest.mark.parametrize("floats", [0, 1, 1000, 5_000_000])
def test_a_large_block_is_memory_like_any_other(floats):
    block = large_block(floats).fill_(2.0)
    assert block.shape == (floats,)
    assert float(block.double().sum()) == 2.0 * floats
