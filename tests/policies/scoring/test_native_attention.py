"""Attention over a prefix tree in compiled code: against torch's attention on whole rows, forward and backward."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.kernels import load_kernels
from policies.kernels.products import fast_products, onednn_is_exact
from policies.scoring.packed.attention import attend_in_bands
from policies.scoring.packed.native_attention import attend_natively
from policies.scoring.packed.prefix_tree import build_tree

pytestmark = pytest.mark.skipif(load_kernels() is None, reason="no C compiler")


def tree_of(rows):
    width = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    return build_tree(tokens, torch.arange(width) < torch.tensor([[len(row)] for row in rows]))


def inputs_for(tree, heads, kv_heads, dim, seed=0):
    generator = torch.Generator().manual_seed(seed)
    count = len(tree.tokens)
    sizes = (heads, kv_heads, kv_heads)
    # as a model gives them: [N, heads, dim] seen as [heads, N, dim]
    return [torch.randn(count, n, dim, generator=generator).transpose(0, 1).requires_grad_() for n in sizes]


def run(attend, tree, inputs, scale):
    out = attend(tree, *inputs, scale)
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    return out, torch.autograd.grad(out, inputs, upstream)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(3, 5), min_size=0, max_size=40), min_size=1, max_size=9).filter(any),
    st.sampled_from([(1, 1), (2, 2), (4, 2), (6, 1)]),
    st.sampled_from([4, 8, 10, 16, 24, 64]),
)
def test_outputs_and_gradients_are_those_of_attention_on_whole_rows(rows, heads, dim):
    tree = tree_of(rows)
    inputs = inputs_for(tree, *heads, dim)
    out, gradients = run(attend_natively, tree, inputs, 0.3)
    expected, expected_gradients = run(attend_in_bands, tree, inputs, 0.3)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(found, wanted, atol=3e-5, rtol=1e-3)


def test_scores_far_apart_do_not_overflow():
    tree = tree_of([[1, 2, 3, 4], [1, 2, 5]])
    inputs = [x.detach().mul(60).requires_grad_() for x in inputs_for(tree, 2, 2, 16)]
    out, gradients = run(attend_natively, tree, inputs, 1.0)
    expected, _ = run(attend_in_bands, tree, inputs, 1.0)
    torch.testing.assert_close(out, expected, atol=1e-3, rtol=1e-4)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_threads_change_nothing():
    tree = tree_of([[1, 2, 3, 4, 9, 9, 9], [1, 2, 5], [1, 2, 5, 6]])
    inputs = inputs_for(tree, 6, 3, 16)
    one, gradients = run(attend_natively, tree, inputs, 0.25)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        two, also = run(attend_natively, tree, inputs, 0.25)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, two)
    assert all(torch.equal(a, b) for a, b in zip(gradients, also, strict=True))


def test_a_node_takes_nothing_from_rows_it_is_not_on():
    tree = tree_of([[1, 2, 3], [1, 4, 5]])
    query, key, value = inputs_for(tree, 1, 1, 8)
    out = attend_natively(tree, query, key, value, 1.0)
    leaf = int(tree.nodes[0, 2])
    (gradient,) = torch.autograd.grad(out[leaf].sum(), value)
    touched = gradient.abs().sum((0, 2)).nonzero().flatten().tolist()
    assert touched == sorted(tree.nodes[0].tolist())


def test_a_second_derivative_is_refused_not_zero():
    tree = tree_of([[1, 2, 3]])
    query, key, value = inputs_for(tree, 1, 1, 8)
    out = attend_natively(tree, query, key, value, 1.0)
    (slope,) = torch.autograd.grad(out.square().sum(), query, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.skipif(not onednn_is_exact(), reason="oneDNN's float32 products are not float32 here, or not to be had")
def test_fast_products_are_float32_and_the_setting_comes_back():
    setting = torch.backends.mkldnn.matmul.fp32_precision
    generator = torch.Generator().manual_seed(0)
    for rows, depth, columns in ((512, 192, 576), (3000, 64, 352), (7, 5, 3), (64, 2048, 64)):
        a, b = torch.randn(rows, depth, generator=generator), torch.randn(depth, columns, generator=generator)
        with fast_products():
            assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"  # what torch calls the door to oneDNN
            product = a @ b
        # bfloat16 factors would be off by about 0.003 * sqrt(depth)
        assert float((product.double() - a.double() @ b.double()).abs().max()) < 3e-6 * depth**0.5 * 5
    assert torch.backends.mkldnn.matmul.fp32_precision == setting
