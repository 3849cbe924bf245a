"""Packed passes: the prefix tree, and that packing changes neither states nor gradients of any model it accepts."""

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.scoring.logprobs import score_tokens
from policies.scoring.packed.packing import can_pack, padded_inputs, trunk_states
from policies.scoring.packed.prefix_tree import build_tree, length_bands
from policies.tiny import TinyConfig, build_tiny

POLICY = build_tiny(
    TinyConfig(layers=2, hidden=32, heads=4, kv_heads=2), vocabulary=[str(i) for i in range(30)], seed=0
)
SHAPE = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

# rows of a group share a prompt; two completions are equal, one is the beginning of another
ROWS = [[1, 5, 9, 2], [1, 5, 9, 7, 3, 2], [1, 5, 9, 7, 3, 2], [1, 4], [1, 5, 9], [6]]

rows_of_tokens = st.lists(st.lists(st.integers(3, 6), min_size=1, max_size=7), min_size=1, max_size=8)


def padded(rows):
    width = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    return tokens, torch.arange(width) < torch.tensor([[len(row)] for row in rows])


def padded_states(trunk, tokens, attention):
    return trunk(**padded_inputs(tokens, attention)).last_hidden_state


def family(name, **extra):
    config = getattr(transformers, f"{name}Config")(**{**SHAPE, **HEADS, **ENDS, **extra})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():  # a freshly initialised model is nearly blind to its context, and would forgive much
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(4.0)
    return model.base_model


def test_the_tree_of_rows_worked_by_hand():
    tree = build_tree(*padded([[1, 2, 3], [1, 2], [1, 4, 3]]))
    # lexicographic order: [1 2] [1 2 3] [1 4 3]; new nodes: 1 2 | 3 | 4 3
    assert tree.tokens.tolist() == [1, 2, 3, 4, 3]
    assert tree.positions.tolist() == [0, 1, 2, 1, 2]
    assert tree.nodes.tolist() == [[0, 1, 2], [0, 1, 0], [0, 3, 4]]


@given(rows_of_tokens)
def test_a_filled_tree_is_the_tree_and_lone_nodes(rows):
    tree = build_tree(*padded(rows))
    filled = tree.filled(64)
    count, used = len(tree.tokens), len(tree.lengths)
    assert len(filled.tokens) % 64 == 0
    assert len(filled.tokens) - count < 64
    assert torch.equal(filled.tokens[:count], tree.tokens)
    assert torch.equal(filled.nodes, tree.nodes)
    assert (filled.paths[:used] == tree.paths).all()
    assert (filled.lengths[used:] == 1).all()
    assert filled.paths[used:, 0].tolist() == list(range(count, len(filled.tokens)))
    assert torch.equal(tree.filled(1).tokens, tree.tokens)


@given(rows_of_tokens)
def test_every_distinct_prefix_is_one_node(rows):
    tree = build_tree(*padded(rows))
    prefixes = {tuple(row[: t + 1]) for row in rows for t in range(len(row))}
    assert len(tree.tokens) == len(prefixes)
    named = {}
    for i, row in enumerate(rows):
        for t, token in enumerate(row):
            node = int(tree.nodes[i, t])
            assert named.setdefault(node, tuple(row[: t + 1])) == tuple(row[: t + 1])
            assert (int(tree.tokens[node]), int(tree.positions[node])) == (token, t)
    bands = tree.bands
    assert len(bands.cells) == sum(rows * width for rows, width in bands.shapes)
    assert torch.equal(bands.cells[bands.answers], torch.arange(len(prefixes)))


@settings(max_examples=25)
@given(rows_of_tokens)
def test_packed_states_and_gradients_are_the_padded_ones(rows):
    trunk = POLICY.model.base_model
    tokens, attention = padded(rows)
    weight = torch.randn(*tokens.shape, 32, generator=torch.Generator().manual_seed(0))

    def run(states):
        trunk.zero_grad()
        (states * weight)[attention].sum().backward()
        return states.detach()[attention], torch.cat([p.grad.flatten() for p in trunk.parameters()])

    packed, nodes = trunk_states(trunk, tokens, attention)
    assert nodes[attention].unique().numel() == len({tuple(row[: t + 1]) for row in rows for t in range(len(row))})
    states, gradient = run(packed[nodes])
    expected, expected_gradient = run(padded_states(trunk, tokens, attention))
    torch.testing.assert_close(states, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "name", ["Llama", "Mistral", "Qwen2", "Qwen3", "Olmo2", "Phi3", "GPTNeoX", "SmolLM3", "Granite"]
)
def test_families_that_pack_give_their_padded_states(name):
    trunk = family(name)
    tokens, attention = padded(ROWS)
    assert can_pack(trunk, 6)
    with torch.no_grad():
        states, nodes = trunk_states(trunk, tokens, attention)
        expected = padded_states(trunk, tokens, attention)
    assert nodes[attention].unique().numel() == 9  # 1 5 9, 2, 7 3 2, 4, and 6: the rows have 22 tokens
    torch.testing.assert_close(states[nodes][attention], expected[attention], atol=2e-4, rtol=1e-3)


def test_a_sliding_window_packs_only_rows_that_fit_in_it():
    trunk = family("Mistral", sliding_window=4)
    assert can_pack(trunk, 4)
    assert not can_pack(trunk, 5)
    tokens, attention = padded(ROWS)
    states, _ = trunk_states(trunk, tokens, attention)
    assert states.shape[0] == tokens.numel()


@pytest.mark.parametrize("name", ["Gemma2", "Mamba"])
def test_models_with_other_traffic_between_tokens_stay_padded(name):
    config = {"head_dim": 8} if name == "Gemma2" else {"state_size": 4}
    trunk = family(name, **config)
    assert not can_pack(trunk, 4)


def test_a_model_with_masks_of_its_own_stays_padded_even_while_they_do_nothing():
    trunk = family("Doge")  # learns its mask through a factor that starts at zero
    assert all(not layer.self_attn.A.any() for layer in trunk.layers)
    assert not can_pack(trunk, 4)


def test_chunked_attention_stays_padded_though_short_rows_fit_in_a_chunk():
    trunk = family("Llama4Text", intermediate_size_mlp=48, num_local_experts=2, attention_chunk_size=32, head_dim=8)
    assert not can_pack(trunk.model, 4)


def test_values_of_another_size_than_keys_pack():
    latent = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 6}
    experts = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1}
    extra = {**latent, **experts, "moe_intermediate_size": 8, "head_dim": 4, "num_key_value_heads": 4}
    trunk = family("DeepseekV3", **extra)
    tokens, attention = padded(ROWS)
    assert can_pack(trunk, 6)
    states, nodes = trunk_states(trunk, tokens, attention)
    expected = padded_states(trunk, tokens, attention)
    torch.testing.assert_close(states[nodes][attention], expected[attention], atol=2e-4, rtol=1e-3)
    weight = torch.randn(expected.shape, generator=torch.Generator().manual_seed(0))
    weights = [p for p in trunk.parameters() if p.requires_grad]
    gradients = [
        torch.autograd.grad((s * weight)[attention].sum(), weights, allow_unused=True)
        for s in (states[nodes], expected)
    ]
    for found, wanted in zip(*gradients, strict=True):
        if wanted is not None:
            torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)


def test_a_text_model_inside_a_larger_one_is_read_by_its_own_settings():
    text = {**SHAPE, **HEADS, "head_dim": 8, "sliding_window": 4, "layer_types": ["sliding_attention"] * 2}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.Gemma3Config(text_config=text, vision_config={**vision, "image_size": 14, "patch_size": 14})
    trunk = transformers.AutoModelForCausalLM.from_config(config).eval().base_model
    assert can_pack(trunk, 4)
    assert not can_pack(trunk, 5)


def test_whether_a_model_packs_follows_its_present_state():
    trunk = build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary=["a"], seed=0).model.base_model
    assert can_pack(trunk, 4)
    trunk.set_attn_implementation("eager")
    assert not can_pack(trunk, 4)
    trunk.set_attn_implementation("sdpa")
    trunk.layers[0].self_attn.attention_dropout = 0.1
    assert can_pack(trunk, 4)
    trunk.train()
    assert not can_pack(trunk, 4)  # rows of a group would share what is dropped of their prompt


def test_an_unknown_model_that_mixes_tokens_is_caught_by_comparison():
    class Mixing(type(POLICY.model.base_model)):
        def forward(self, **inputs):
            output = super().forward(**inputs)
            output.last_hidden_state = output.last_hidden_state + output.last_hidden_state.mean(1, keepdim=True)
            return output

    trunk = Mixing(POLICY.model.config).eval()
    assert not can_pack(trunk, 4)


def test_rows_padded_on_the_left_are_scored_padded():
    tokens = torch.tensor([[0, 0, 1, 5], [1, 5, 9, 2]])
    attention = torch.tensor([[False, False, True, True], [True] * 4])
    with torch.no_grad():
        left = score_tokens(POLICY.model, tokens, attention).logprobs
        right = score_tokens(POLICY.model, *padded([[1, 5], [1, 5, 9, 2]])).logprobs
    torch.testing.assert_close(left[0, 2:], right[0, :2], atol=1e-5, rtol=0)
    torch.testing.assert_close(left[1], right[1], atol=1e-5, rtol=0)


def test_autocast_on_a_cpu_keeps_attention_in_float32_and_the_gradient_close():
    tokens, attention = padded(ROWS)

    def gradient(**autocast):
        POLICY.model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, **autocast):
            scores = score_tokens(POLICY.model, tokens, attention)
        scores.logprobs.sum().backward()
        return torch.cat([p.grad.flatten() for p in POLICY.model.parameters()])

    exact, half = gradient(enabled=False), gradient()
    assert torch.nn.functional.cosine_similarity(exact, half, dim=0) > 0.999


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(0, 200))
def test_bands_hold_every_row_once_and_waste_no_more_than_one_band_would(lengths, overhead):
    lengths = np.array(lengths)
    bands = length_bands(lengths, overhead=overhead)
    assert sorted(np.concatenate(bands).tolist()) == list(range(len(lengths)))
    cost = sum(len(band) * lengths[band].max() + overhead for band in bands)
    assert cost <= len(lengths) * lengths.max() + overhead
