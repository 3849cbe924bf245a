"""Perplexity beside transformers' own loss, and windows that score every token once."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from policies.scoring.perplexity import score_text, windows
from policies.tiny import TinyConfig, build_tiny


def policy(context=64):
    return build_tiny(TinyConfig(layers=2, hidden=16, heads=2, context=context), vocabulary=None, seed=3)


TEXT = "What is learned by heart is soon forgotten; what is understood stays, as they say, a little longer. " * 3


@torch.no_grad()
def test_a_text_of_one_window_has_the_loss_that_transformers_computes():
    model = policy(context=512)
    tokens = torch.tensor([model.tokenizer(TEXT, add_special_tokens=False)["input_ids"]])
    loss = float(model.model(input_ids=tokens, labels=tokens).loss)
    found = score_text(model, TEXT, window=tokens.shape[1])
    assert found.tokens == (tokens.shape[1] - 1,)
    assert found.nats_per_token == pytest.approx(loss, abs=1e-5)
    assert found.perplexity == pytest.approx(math.exp(loss), rel=1e-5)
    assert found.bits_per_byte == pytest.approx(loss / math.log(2), rel=1e-4)  # a character is a token, and a byte


@torch.no_grad()
def test_windows_score_what_a_loop_over_single_tokens_scores():
    model, window = policy(), 16
    tokens = model.tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    total = 0.0
    for place in range(1, len(tokens)):
        if place < window:
            begin = 0
        else:  # the window whose second half holds the token
            begin = (place - window) // 8 * 8 + 8
        logits = model.model(input_ids=torch.tensor([tokens[begin:place]])).logits[0, -1]
        total -= float(logits.log_softmax(-1)[tokens[place]])
    found = score_text(model, TEXT, window=window)
    assert sum(found.nats) == pytest.approx(total, rel=1e-5)
    assert sum(found.tokens) == len(tokens) - 1


@given(st.integers(2, 300), st.integers(2, 40))
def test_every_token_but_the_first_is_scored_once(length, window):
    tokens = list(range(length))
    scored = [token for row, seen in windows(tokens, window) for token in row[seen:]]
    assert scored == tokens[1:]
    assert all(len(row) <= window for row, _ in windows(tokens, window))
    assert all(seen == window // 2 for _, seen in list(windows(tokens, window))[1:])


@pytest.mark.parametrize(("text", "window", "told"), [("a", 8, "1 token"), (TEXT, 1, "window is 1"), (TEXT, 65, "65")])
def test_what_cannot_be_scored_is_refused(text, window, told):
    with pytest.raises(ValueError, match=told):
        score_text(policy(), text, window=window)
