"""Tiny policies, weights in and out, value and reward models."""

import json

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from policies.causal import CausalPolicy, load_policy
from policies.sampling.engine import SamplingEngine
from policies.scoring.reward_model import RewardModel
from policies.scoring.value import ValueModel
from policies.tiny import TinyConfig, build_tiny
from policies.types import Request, Sampling

SMALL = TinyConfig(layers=2, hidden=32, heads=2)
WORDS = ["0", "1", "+", "=", ";", "?"]


def tiny(seed=0):
    return build_tiny(SMALL, vocabulary=WORDS, seed=seed)


def test_saved_policy_loads_with_the_auto_classes(tmp_path):
    policy = tiny()
    policy.save(tmp_path)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    tokens = policy.encode("0 + 1 = ?")
    assert tuple(tokenizer("0 + 1 = ?")["input_ids"]) == tokens == (1, 4, 6, 5, 7, 9)
    assert torch.equal(model(torch.tensor([tokens])).logits, policy.model(torch.tensor([tokens])).logits)
    again = load_policy(tmp_path)
    assert (again.stop_ids, again.pad_id) == (policy.stop_ids, policy.pad_id) == ((2,), 0)


def test_words_are_joined_by_single_spaces_and_end_tokens_dropped():
    policy = tiny()
    tokens = policy.encode_completion("0  +\n1 ;")
    assert tokens == (4, 6, 5, 8, 2)
    assert policy.decode(tokens) == "0 + 1 ;"
    assert policy.decode(policy.encode("1 =")) == "1 ="


@pytest.mark.parametrize("text", ["x = 12\n  y", " lead and trail ", "a  b", "{[()]}", ""])
def test_character_policy_reproduces_text_exactly(text, tmp_path):
    policy = build_tiny(SMALL, vocabulary=None, seed=0)
    assert policy.decode(policy.encode_completion(text)) == text
    policy.save(tmp_path)
    assert load_policy(tmp_path).encode_completion(text) == policy.encode_completion(text)


def test_initial_weights_are_a_function_of_the_seed_and_leave_the_global_generator_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, same, other = tiny(3), tiny(3), tiny(4)
    assert torch.equal(torch.get_rng_state(), before)
    key = "model.layers.0.mlp.down_proj.weight"
    assert torch.equal(first.weights()[key], same.weights()[key])
    assert not torch.equal(first.weights()[key], other.weights()[key])


def test_default_policy_has_about_two_hundred_thousand_parameters():
    policy = build_tiny(TinyConfig(), vocabulary=[str(i) for i in range(126)], seed=0)
    # 4 layers x (4 x 64^2 attention + 3 x 64 x 176 mlp + 2 x 64 norms) + 64 + 2 x 130 x 64 = 217,920
    assert policy.num_parameters == 217_920


@pytest.mark.parametrize(
    ("vocabulary", "message"), [([], "empty"), (["a", "a"], "repeats"), (["a b"], "whitespace"), (["<eos>"], "one of")]
)
def test_bad_vocabularies_are_refused(vocabulary, message):
    with pytest.raises(ValueError, match=message):
        build_tiny(SMALL, vocabulary=vocabulary, seed=0)


def test_weights_travel_and_do_not_alias():
    source, target = tiny(0), tiny(1)
    weights = source.weights()
    target.load_weights(weights)
    tokens = torch.tensor([[1, 4, 5]])
    assert torch.equal(source.model(tokens).logits, target.model(tokens).logits)
    with torch.no_grad():
        source.model.lm_head.weight.zero_()
    assert weights["lm_head.weight"].abs().sum() > 0


def test_weights_of_another_shape_or_name_are_refused():
    policy = tiny()
    weights = policy.weights()
    with pytest.raises(ValueError, match="missing"):
        policy.load_weights({k: v for k, v in weights.items() if k != "lm_head.weight"})
    with pytest.raises(ValueError, match="shape"):
        policy.load_weights({**weights, "lm_head.weight": torch.zeros(2, 2)})


def test_tied_weights_are_published_once():
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, tie_embeddings=True), vocabulary=WORDS, seed=0)
    assert "lm_head.weight" not in policy.weights()
    other = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, tie_embeddings=True), vocabulary=WORDS, seed=1)
    other.load_weights(policy.weights())
    assert torch.equal(other.model.lm_head.weight, policy.model.lm_head.weight)


def test_lora_publishes_the_merged_weights_of_the_plain_model(tmp_path):
    plain = tiny()
    plain.save(tmp_path / "base")
    policy = load_policy(tmp_path / "base", lora={"r": 2, "target_modules": ["q_proj", "down_proj"]})
    for name, parameter in policy.model.named_parameters():
        if "lora_B" in name:  # starts at zero, where merging does nothing
            torch.nn.init.normal_(parameter, std=0.5)
    before = {name: p.clone() for name, p in policy.model.named_parameters()}
    plain.load_weights(policy.weights())
    tokens = torch.tensor([policy.encode("0 + 1 =")])
    torch.testing.assert_close(plain.model(tokens).logits, policy.model(tokens).logits, atol=1e-5, rtol=1e-4)
    assert all(torch.equal(p, before[name]) for name, p in policy.model.named_parameters())
    policy.save(tmp_path / "merged")
    merged = load_policy(tmp_path / "merged")
    torch.testing.assert_close(merged.model(tokens).logits, policy.model(tokens).logits, atol=1e-5, rtol=1e-4)
    request = Request(policy.encode("0 +"), (0, 1))
    sampled = [SamplingEngine(p).generate([request], Sampling(8), seed=0)[0] for p in (policy, merged)]
    assert sampled[0][0].tokens == sampled[1][0].tokens


def test_stop_ids_come_from_tokenizer_and_generation_config(tmp_path):
    policy = tiny()
    policy.save(tmp_path)
    path = tmp_path / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": [8, 2]}))
    assert load_policy(tmp_path).stop_ids == (2, 8)


CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@pytest.mark.parametrize(
    ("template", "is_special", "expected"),
    [
        (CHATML, True, (2, 11)),  # a base model that was given a chat template and kept its own end token
        (CHATML, False, (2,)),  # words of the vocabulary end nothing
        ("{% for m in messages %}{{ m.content }}<eos>{% endfor %}", True, (2,)),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", True, (2,)),
        ("{{ raise_exception('no assistant') }}", True, (2,)),
    ],
)
def test_the_token_that_closes_the_templates_turn_ends_a_completion(template, is_special, expected):
    policy = tiny()
    policy.tokenizer.add_tokens(["<|im_start|>", "<|im_end|>"], special_tokens=is_special)
    assert policy.tokenizer.convert_tokens_to_ids("<|im_end|>") == 11
    policy.tokenizer.chat_template = template
    assert CausalPolicy(policy.model, policy.tokenizer).stop_ids == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("<bos> $A <eos>", (1, 4, 6, 5)),  # add_eos_token, or a template that closes what it encodes
        ("$A <eos>", (4, 6, 5)),
        ("<eos> $A", (2, 4, 6, 5)),  # one token begins and ends
        ("<bos> $A", (1, 4, 6, 5)),
    ],
)
def test_a_prompt_never_ends_with_an_end_token_that_the_tokenizer_appended(template, expected):
    policy = tiny()
    specials = [(token, policy.tokenizer.convert_tokens_to_ids(token)) for token in ("<bos>", "<eos>")]
    policy.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=template, special_tokens=specials)
    assert policy.encode("0 + 1") == expected
    assert policy.encode("0 <eos>")[-1] == policy.stop_ids[0]  # the text says so


def test_messages_go_through_the_chat_template():
    policy = tiny()
    messages = [{"role": "system", "content": "0"}, {"role": "user", "content": "+ 1"}]
    assert policy.encode(messages) == policy.encode("0 + 1")
    policy.tokenizer.chat_template = None
    with pytest.raises(ValueError, match="chat template"):
        CausalPolicy(policy.model, policy.tokenizer).encode(messages)


def test_value_column_speaks_about_the_state_before_its_token():
    policy = tiny()
    model = ValueModel.from_policy(policy)
    tokens = torch.tensor([[1, 4, 5, 6, 0], [1, 5, 0, 0, 0]])
    attention = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]).bool()
    assert (model(tokens, attention) == 0).all(), "the head starts at zero"
    torch.nn.init.normal_(model.head.weight)
    values = model(tokens, attention)
    for t in range(1, 4):  # the value of a prefix, from a forward pass that sees nothing else
        prefix = policy.model.model(tokens[:1, :t]).last_hidden_state[0, -1]
        assert float(values[0, t]) == pytest.approx(float(model.head(prefix)), abs=1e-5)
    assert (values[~attention] == 0).all()
    assert (values[:, 0] == 0).all()
    changed = tokens.clone()
    changed[0, 3] = 7
    assert torch.equal(model(changed, attention)[0, 3], values[0, 3]), "a value must not see its own token"


def test_values_do_not_depend_on_the_side_of_the_padding():
    model = ValueModel.from_policy(tiny())
    torch.nn.init.normal_(model.head.weight)
    right = model(torch.tensor([[1, 4, 5, 0, 0]]), torch.tensor([[1, 1, 1, 0, 0]]).bool())
    left = model(torch.tensor([[0, 0, 1, 4, 5]]), torch.tensor([[0, 0, 1, 1, 1]]).bool())
    torch.testing.assert_close(left[:, 2:], right[:, :3], atol=1e-5, rtol=1e-4)


def test_value_model_shares_no_weights_with_the_policy():
    policy = tiny()
    model = ValueModel.from_policy(policy)
    before = policy.weights()
    torch.nn.init.normal_(model.head.weight)
    model(torch.tensor([[1, 4, 5]]), torch.ones(1, 3, dtype=torch.bool)).sum().backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert all(torch.equal(before[name], tensor) for name, tensor in policy.weights().items())


PAIRS = [((1, 4, 5), (6, 7, 2)), ((1, 5), (8,)), ((1, 4, 5, 6, 7), (9, 9, 9, 9, 2)), ((1,), (2,))]


def test_scores_do_not_depend_on_the_batch():
    model = RewardModel.from_policy(tiny(), seed=0)
    together = model.score(PAIRS)
    assert together == pytest.approx([model.score([pair])[0] for pair in PAIRS], abs=1e-5)
    assert len(set(together)) == 4


@pytest.mark.parametrize("side", ["left", "right"])
def test_score_equals_transformers_at_the_last_real_token(side):
    model = RewardModel.from_policy(tiny(), seed=0)
    rows = [[*prompt, *completion] for prompt, completion in PAIRS]
    width = max(map(len, rows))
    fill = [[0] * (width - len(row)) for row in rows]
    tokens = torch.tensor([f + r if side == "left" else r + f for f, r in zip(fill, rows, strict=True)])
    attention = tokens != 0
    positions = (attention.long().cumsum(1) - 1).clamp(min=0)
    logits = model.model(input_ids=tokens, attention_mask=attention.long(), position_ids=positions).logits[:, 0]
    assert model.score(PAIRS) == pytest.approx(logits.tolist(), abs=1e-5)


def test_an_end_token_that_is_also_padding_is_still_scored():
    policy = tiny()
    expected = RewardModel.from_policy(policy, seed=0).score(PAIRS)
    policy.pad_id = policy.stop_ids[0]
    assert RewardModel.from_policy(policy, seed=0).score(PAIRS) == pytest.approx(expected, abs=1e-6)


def test_reward_model_survives_saving(tmp_path):
    model = RewardModel.from_policy(tiny(), seed=0)
    model.save(tmp_path)
    assert RewardModel.load(tmp_path).score(PAIRS) == model.score(PAIRS)
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path).config.num_labels == 1


def test_reward_head_is_a_function_of_the_seed():
    policy = tiny()
    first, same, other = (RewardModel.from_policy(policy, seed=s).score(PAIRS) for s in (0, 0, 1))
    assert first == same != other


def test_a_pair_without_tokens_is_refused():
    with pytest.raises(ValueError, match="pair 1 has no tokens"):
        RewardModel.from_policy(tiny(), seed=0).score([PAIRS[0], ((), ())])


def test_a_smaller_reward_model_keeps_the_first_blocks_of_the_trunk(tmp_path):
    policy = tiny()
    small = RewardModel.from_policy(policy, seed=0, layers=1)
    assert len(small.model.base_model.layers) == 1
    whole = policy.model.base_model.state_dict()
    for name, value in small.model.base_model.state_dict().items():
        assert torch.equal(value, whole[name]), name
    small.save(tmp_path)
    assert RewardModel.load(tmp_path).score(PAIRS) == pytest.approx(small.score(PAIRS), abs=1e-6)
    with pytest.raises(ValueError, match="layers is 3, and the policy has 2 blocks"):
        RewardModel.from_policy(policy, seed=0, layers=3)
