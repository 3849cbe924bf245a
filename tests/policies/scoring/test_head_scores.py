"""Log-probabilities under a large vocabulary: against the definition in float64 and torch's own gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from policies.kernels import load_kernels
from policies.scoring import head_scores

pytestmark = pytest.mark.skipif(load_kernels() is None, reason="no C compiler")


def by_definition(weight, hidden, targets, temperature):
    """In float64, through torch's own operators."""
    logprobs = (hidden.double() @ weight.double().t() / temperature).log_softmax(-1)
    return logprobs.gather(1, targets[:, None])[:, 0], -(logprobs.exp() * logprobs).sum(-1)


def gradients(scores, leaves, seed=0):
    """Of random sums of log-probabilities and entropies."""
    generator = torch.Generator().manual_seed(seed)
    of_logprobs, of_entropies = torch.randn(2, len(scores[0]), generator=generator)
    loss = (scores[0] * of_logprobs).sum() + (scores[1] * of_entropies).sum()
    return torch.autograd.grad(loss, leaves)


def head_of(vocabulary, width, seed=0, scale=1.0):
    head = nn.Linear(width, vocabulary, bias=False)
    with torch.no_grad():
        head.weight.normal_(0, scale, generator=torch.Generator().manual_seed(seed))
    return head


def states_of(count, width, seed=1):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), requires_grad=True)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 200), st.integers(1, 12), st.sampled_from([0.3, 1.0, 2.5]), st.integers(0, 10**6)
)
def test_scores_and_gradients_are_those_of_the_definition(count, vocabulary, width, temperature, seed):
    head = head_of(vocabulary, width, seed)
    hidden = states_of(count, width, seed + 1)
    targets = torch.randint(vocabulary, (count,), generator=torch.Generator().manual_seed(seed))
    found = head_scores.head_scores(head, hidden, targets, temperature)
    expected = by_definition(head.weight, hidden, targets, temperature)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.double(), theirs, atol=2e-5, rtol=2e-5)
    leaves = [hidden, head.weight]
    for mine, theirs in zip(gradients(found, leaves), gradients(expected, leaves), strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-4, rtol=2e-4)


def test_chunks_and_a_second_backward_pass_come_to_the_same(monkeypatch):
    head, hidden = head_of(300, 8), states_of(10, 8)
    leaves, targets = [hidden, head.weight], torch.arange(10)

    def run():
        scores = head_scores.head_scores(head, hidden, targets, 1.0)
        loss = scores[0].sum() + scores[1].square().sum()
        return scores, loss, torch.autograd.grad(loss, leaves, retain_graph=True)

    scores, loss, whole = run()
    again = torch.autograd.grad(loss, leaves)  # the logits that were kept are gone: they are made again
    monkeypatch.setattr(head_scores, "KEPT_LOGITS", 3 * 300)
    chunked_scores, _, chunked = run()
    for found, expected in zip(chunked_scores + chunked, scores + whole, strict=True):
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=2e-5)
    for found, expected in zip(again, whole, strict=True):
        torch.testing.assert_close(found, expected)


def test_threads_change_nothing():
    head, hidden = head_of(5000, 8), states_of(33, 8)
    targets = torch.arange(33)

    def run():
        scores = head_scores.head_scores(head, hidden, targets, 0.9)
        return [x.detach() for x in scores] + list(gradients(scores, [hidden]))

    one, before = run(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for a, b in zip(run(), one, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("vocabulary", [1, 7, 8, 31, 32, 33, 1100])
def test_logits_far_apart_give_what_they_should(vocabulary):
    """One token has all of the mass: log-probabilities 0 and -200, no entropy, and no gradient that is not finite."""
    head = nn.Linear(1, vocabulary, bias=False)
    with torch.no_grad():
        head.weight.fill_(-200.0)
        head.weight[vocabulary // 2] = 0.0
    hidden = torch.ones(2, 1, requires_grad=True)
    targets = torch.tensor([vocabulary // 2, 0])
    logprobs, entropies = head_scores.head_scores(head, hidden, targets, 1.0)
    assert logprobs.tolist() == pytest.approx([0.0, 0.0 if vocabulary == 1 else -200.0], abs=1e-5)
    assert entropies.tolist() == pytest.approx([0.0, 0.0], abs=1e-5)
    assert all(torch.isfinite(gradient).all() for gradient in gradients((logprobs, entropies), [hidden, head.weight]))


def test_a_uniform_distribution_has_the_entropy_of_its_size():
    head = nn.Linear(4, 49_152, bias=False)
    with torch.no_grad():
        head.weight.zero_()
    logprobs, entropies = head_scores.head_scores(head, states_of(3, 4), torch.tensor([0, 5, 49_151]), 1.0)
    assert logprobs.tolist() == pytest.approx([-math.log(49_152)] * 3, abs=1e-5)
    assert entropies.tolist() == pytest.approx([math.log(49_152)] * 3, abs=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", [0, 40, 66])
def test_what_is_not_finite_shows(value, place):
    head = nn.Linear(1, 67, bias=False)
    with torch.no_grad():
        head.weight.zero_()
        head.weight[place] = value
    logprobs, entropies = head_scores.head_scores(head, torch.ones(1, 1), torch.tensor([3]), 1.0)
    assert not math.isfinite(float(logprobs))
    assert not math.isfinite(float(entropies))


def test_under_autocast_products_are_bfloat16_and_gradients_have_the_types_of_the_weights():
    head, hidden = head_of(400, 16, scale=0.3), states_of(20, 16)
    targets = torch.arange(20)
    exact = by_definition(head.weight, hidden, targets, 1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = head_scores.head_scores(head, hidden, targets, 1.0)
    assert scores[0].dtype == torch.float32
    torch.testing.assert_close(scores[0].double(), exact[0], atol=0.05, rtol=0.02)
    assert float((scores[0] - exact[0]).abs().max()) > 1e-6  # they were rounded
    leaves = [hidden, head.weight]
    for mine, theirs in zip(gradients(scores, leaves), gradients(exact, leaves), strict=True):
        assert mine.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(mine.flatten(), theirs.flatten(), dim=0) > 0.999


def test_frozen_weights_get_no_gradient_and_no_product():
    head, hidden = head_of(100, 4), states_of(5, 4)
    head.weight.requires_grad_(False)
    logprobs, _ = head_scores.head_scores(head, hidden, torch.arange(5), 1.0)
    logprobs.sum().backward()
    assert head.weight.grad is None
    (expected,) = torch.autograd.grad(by_definition(head.weight, hidden, torch.arange(5), 1.0)[0].sum(), hidden)
    torch.testing.assert_close(hidden.grad, expected, atol=1e-5, rtol=1e-4)


def test_heads_that_are_more_than_a_product_are_left_to_torch():
    class Watched(nn.Linear):
        pass

    large = head_scores.LARGE_VOCABULARY
    hooked = nn.Linear(2, large, bias=False)
    assert head_scores.serves(hooked)
    hooked.register_forward_hook(lambda *_: None)
    refused = [nn.Linear(2, large - 1, bias=False), nn.Linear(2, large), Watched(2, large, bias=False), hooked]
    assert not any(head_scores.serves(head) for head in refused)
