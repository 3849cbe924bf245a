"""Which models the compiled decoder serves: those whose logits it gives, and nothing that it does not know."""

import numpy as np
import pytest
import torch
import transformers

from policies.kernels import load_kernels
from policies.sampling.decoders.native import NativeDecoder
from policies.sampling.engine import choose_decoder

pytestmark = pytest.mark.skipif(load_kernels() is None, reason="no C compiler")


def model_of(family, **shape):
    """A model of random weights that all matter: norms and biases too, which start at 1 and 0."""
    heads = {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
    sizes = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 24, "max_position_embeddings": 64}
    config = getattr(transformers, f"{family}Config")(**{**heads, **sizes, "pad_token_id": None, **shape})
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 2:
                    parameter.normal_(0, 1.5 * parameter.shape[1] ** -0.5)
                else:
                    parameter.uniform_(0.5, 1.5)
    return model


def rope(kind, **settings):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, "factor": 2.0, **settings}}


LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}


@pytest.mark.parametrize(
    ("family", "shape"),
    [
        ("Llama", {"hidden_size": 33, "num_attention_heads": 3, "num_key_value_heads": 1, "vocab_size": 17}),
        ("Llama", {"hidden_size": 5, "num_attention_heads": 5, "num_key_value_heads": 5, "vocab_size": 3}),
        ("Llama", {"hidden_size": 2, "intermediate_size": 8, "vocab_size": 1, "num_hidden_layers": 1}),
        ("Llama", {"head_dim": 40, "tie_word_embeddings": True, "intermediate_size": 104}),
        ("Llama", rope("linear")),
        ("Llama", rope("llama3", **LLAMA3)),
        ("Llama", rope("yarn", original_max_position_embeddings=16)),
        ("Mistral", {"sliding_window": None, "num_attention_heads": 4, "num_key_value_heads": 2}),
        ("Qwen2", {"num_attention_heads": 4, "num_key_value_heads": 1}),
        ("Qwen2", {"num_attention_heads": 7, "num_key_value_heads": 1, "head_dim": 24}),
        ("Llama", {"hidden_size": 30, "num_attention_heads": 10, "num_key_value_heads": 2, "head_dim": 40}),
        ("Qwen3", {"hidden_size": 30, "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 16}),
    ],
)
def test_logits_are_those_of_the_model_for_every_family_and_odd_shapes(family, shape):
    model = model_of(family, **shape)
    assert choose_decoder(model, torch.float32) == "native"
    rng = np.random.default_rng(0)
    vocabulary, sources = model.config.vocab_size, [0, 1, 1, 2]
    prompts = [rng.integers(0, vocabulary, n).tolist() for n in (1, 16, 33)]
    decoder = NativeDecoder(model, torch.float32, rows=4, longest_prompt=33, max_new_tokens=20, pad_id=0)
    rows = [list(prompts[source]) for source in sources]
    found = [decoder.admit(prompts, sources)]
    for _ in range(19):
        tokens = torch.from_numpy(rng.integers(0, vocabulary, 4))
        for row, token in zip(rows, tokens.tolist(), strict=True):
            row.append(token)
        found.append(decoder.step(tokens).clone())
    for index, row in enumerate(rows):
        with torch.no_grad():
            expected = model(torch.tensor([row])).logits[0, len(prompts[sources[index]]) - 1 :]
        torch.testing.assert_close(torch.stack([f[index] for f in found]), expected, atol=2e-5, rtol=1e-4)


class Subclass(torch.nn.Parameter):
    pass


def set_bias(linear):
    linear.bias = torch.nn.Parameter(torch.ones(linear.out_features))


@pytest.mark.parametrize(
    "change",
    [
        lambda model: set_bias(model.lm_head),
        lambda model: setattr(model, "lm_head", torch.nn.Sequential(model.lm_head)),
        lambda model: setattr(model, "lm_head", torch.nn.Linear(32, 41, bias=False)),
        lambda model: setattr(model, "__class__", type("Other", (type(model),), {})),
        lambda model: set_bias(model.model.layers[1].self_attn.q_proj),
        lambda model: set_bias(model.model.layers[1].mlp.down_proj),
        lambda model: setattr(model.model.layers[0].mlp, "up_proj", torch.nn.Identity()),
        lambda model: model.model.layers[0].mlp.up_proj.__setattr__("weight", Subclass(torch.ones(24, 32))),
        lambda model: setattr(model.config, "hidden_act", "gelu"),
        lambda model: setattr(model.config, "sliding_window", 8),
        lambda model: model.config.rope_parameters.update(rope_type="dynamic"),
        lambda model: setattr(model, "peft_config", {}),
    ],
)
def test_anything_unknown_about_a_model_sends_it_through_its_own_forward(change):
    model = model_of("Llama")
    assert choose_decoder(model, torch.float32) == "native"
    change(model)
    assert choose_decoder(model, torch.float32) == "generic"
