"""score_tokens: alignment, padding, temperature, entropy, chunking, gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.scoring import head_scores, logprobs
from policies.scoring.logprobs import TokenScorer, score_tokens
from policies.tiny import TinyConfig, build_tiny

POLICY = build_tiny(TinyConfig(layers=2, hidden=32, heads=2), vocabulary=[str(i) for i in range(30)], seed=0)


def reference(tokens, temperature=1.0):
    """Log-probabilities and entropies of one unpadded row by the definition, column by column."""
    with torch.no_grad():
        logits = POLICY.model(torch.tensor([tokens])).logits[0].double() / temperature
    rows = logits.softmax(-1)
    scores = [0.0] + [math.log(rows[t - 1, tokens[t]]) for t in range(1, len(tokens))]
    entropies = [0.0] + [float(-(rows[t - 1] * rows[t - 1].log()).sum()) for t in range(1, len(tokens))]
    return scores, entropies


def padded(rows, side, pad_id):
    width = max(map(len, rows))
    fill = [[pad_id] * (width - len(row)) for row in rows]
    tokens = [f + r if side == "left" else r + f for f, r in zip(fill, rows, strict=True)]
    lengths = torch.tensor([[len(row)] for row in rows])
    columns = torch.arange(width)
    attention = columns >= width - lengths if side == "left" else columns < lengths
    return torch.tensor(tokens), attention


ROWS = [[1, 5, 9, 2], [1, 7, 8, 11, 12, 13, 2], [1, 4]]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("pad_id", [0, 2])  # 2 is the end token
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_scores_equal_the_definition_under_padding(side, pad_id, temperature):
    tokens, attention = padded(ROWS, side, pad_id)
    with torch.no_grad():
        scores = score_tokens(POLICY.model, tokens, attention, temperature=temperature, with_entropy=True)
    for i, row in enumerate(ROWS):
        expected, entropies = reference(row, temperature)
        assert scores.logprobs[i][attention[i]].tolist() == pytest.approx(expected, abs=1e-5)
        assert scores.entropy[i][attention[i]].tolist() == pytest.approx(entropies, abs=1e-5)
    assert (scores.logprobs[~attention] == 0).all()
    assert (scores.entropy[~attention] == 0).all()


def test_chunks_over_a_large_vocabulary_change_neither_value_nor_gradient(monkeypatch):
    tokens, attention = padded(ROWS, "right", 0)

    def run():
        POLICY.model.zero_grad()
        scores = score_tokens(POLICY.model, tokens, attention, with_entropy=True)
        (scores.logprobs.sum() + scores.entropy.square().sum()).backward()
        gradient = torch.cat([p.grad.flatten().clone() for p in POLICY.model.parameters()])
        return scores, gradient

    whole, gradient = run()
    monkeypatch.setattr(logprobs, "CHUNK_LOGITS", 3 * len(POLICY.tokenizer))  # three tokens at a time
    chunked, chunked_gradient = run()
    torch.testing.assert_close(chunked.logprobs, whole.logprobs)
    torch.testing.assert_close(chunked.entropy, whole.entropy)
    torch.testing.assert_close(chunked_gradient, gradient, atol=1e-6, rtol=1e-4)


def test_a_large_vocabulary_in_compiled_code_is_scored_as_by_torch(monkeypatch):
    words = [str(i) for i in range(head_scores.LARGE_VOCABULARY)]
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary=words, seed=0)
    tokens, attention = padded(ROWS, "right", 0)

    def run():
        policy.model.zero_grad()
        scores = score_tokens(policy.model, tokens, attention, temperature=0.8, with_entropy=True)
        (scores.logprobs.sum() + scores.entropy.square().sum()).backward()
        gradient = torch.cat([p.grad.flatten().clone() for p in policy.model.parameters()])
        return scores.logprobs, scores.entropy, gradient

    found = run()
    monkeypatch.setattr(head_scores, "serves", lambda head: False)
    for ours, theirs in zip(found, run(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_gradient_equals_that_of_cross_entropy():
    tokens, attention = padded(ROWS, "right", 0)
    POLICY.model.zero_grad()
    score_tokens(POLICY.model, tokens, attention).logprobs.sum().backward()
    ours = [p.grad.clone() for p in POLICY.model.parameters()]
    POLICY.model.zero_grad()
    labels = tokens.masked_fill(~attention, -100)
    logits = POLICY.model(input_ids=tokens, attention_mask=attention.long()).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
    loss.backward()
    for mine, parameter in zip(ours, POLICY.model.parameters(), strict=True):
        torch.testing.assert_close(mine, -parameter.grad, atol=1e-5, rtol=1e-4)


def test_only_the_tokens_asked_for_are_scored():
    tokens, attention = padded(ROWS, "right", 0)
    where = torch.zeros_like(attention)
    where[1, 3:6] = True
    with torch.no_grad():
        some = score_tokens(POLICY.model, tokens, attention, where=where).logprobs
        every = score_tokens(POLICY.model, tokens, attention).logprobs
    torch.testing.assert_close(some, every * where)


def test_logit_softcapping_is_left_to_the_model():
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(
        vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, final_logit_softcapping=0.05,
    )  # fmt: skip
    model = Gemma2ForCausalLM(config).eval()
    tokens = torch.tensor([[3, 4, 5, 6]])
    with torch.no_grad():
        expected = model(tokens).logits[0, :-1].log_softmax(-1)[torch.arange(3), tokens[0, 1:]]
        scores = score_tokens(model, tokens, torch.ones_like(tokens, dtype=torch.bool))
    torch.testing.assert_close(scores.logprobs[0, 1:], expected)


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("Roberta", {"is_decoder": True}),  # a dense layer before the head
        ("ModernBertDecoder", {}),  # the same
        ("HyperCLOVAX", {"logits_scaling": 0.5}),
        ("Llama4Text", {"intermediate_size_mlp": 32, "num_local_experts": 2}),  # names no trunk
    ],
)
def test_logits_that_are_not_the_heads_product_alone_are_left_to_the_model(name, extra):
    import transformers

    config = getattr(transformers, f"{name}Config")(
        vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2, **extra,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
    tokens = torch.tensor([[3, 4, 5, 6]])
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(5.0)
        expected = model(tokens).logits[0, :-1].log_softmax(-1)[torch.arange(3), tokens[0, 1:]]
        scores = TokenScorer(model)(tokens, torch.ones_like(tokens, dtype=torch.bool))
    torch.testing.assert_close(scores.logprobs[0, 1:], expected, atol=1e-5, rtol=1e-5)


def test_forbidden_tokens_leave_the_entropy_finite():
    model = build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary=["a"], seed=0).model
    model.lm_head.bias = torch.nn.Parameter(torch.tensor([0.0, 0.0, 0.0, 0.0, -math.inf]))
    tokens = torch.tensor([[1, 2]])
    scores = score_tokens(model, tokens, torch.ones_like(tokens, dtype=torch.bool), with_entropy=True)
    assert 0 < float(scores.entropy[0, 1]) <= math.log(4) + 1e-6


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(3, 30), min_size=1, max_size=9), min_size=1, max_size=4), st.integers(0, 5))
def test_padding_never_changes_a_score(rows, extra):
    tokens, attention = padded(rows, "right", 0)
    wide = torch.nn.functional.pad(tokens, (0, extra), value=9)
    with torch.no_grad():
        narrow = score_tokens(POLICY.model, tokens, attention).logprobs
        wider = score_tokens(POLICY.model, wide, torch.nn.functional.pad(attention, (0, extra))).logprobs
    torch.testing.assert_close(wider[:, : tokens.shape[1]], narrow, atol=1e-5, rtol=0)
    assert (wider[:, tokens.shape[1] :] == 0).all()


def test_the_scorer_module_is_the_function():
    tokens, attention = padded(ROWS, "right", 0)
    with torch.no_grad():
        module = TokenScorer(POLICY.model)(tokens, attention, temperature=0.5)
        torch.testing.assert_close(
            module.logprobs, score_tokens(POLICY.model, tokens, attention, temperature=0.5).logprobs
        )


def test_mistakes_are_refused():
    tokens, attention = padded(ROWS, "right", 0)
    with pytest.raises(ValueError, match="temperature is 0"):
        score_tokens(POLICY.model, tokens, attention, temperature=0)
    with pytest.raises(ValueError, match=r"expected one \[B, T\]"):
        score_tokens(POLICY.model, tokens, attention[:, 1:])
