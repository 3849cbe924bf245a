"""Small causal language models from scratch: a real Llama-shaped Hugging Face model and a real fast tokenizer.

Nothing is downloaded. The folder that `CausalPolicy.save` writes loads with `AutoModelForCausalLM` and `AutoTokenizer`,
so everything that takes a Hugging Face model takes a tiny one. Padding, beginning and end are three distinct tokens.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split, WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from policies.causal import CausalPolicy

PAD, BOS, EOS, UNKNOWN = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIAL_TOKENS = (PAD, BOS, EOS, UNKNOWN)
CHARACTERS = tuple(string.digits + string.ascii_letters + string.punctuation + " \n")
# Contents in order, joined by spaces: a tiny policy knows no roles.
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% if not loop.last %} {% endif %}{% endfor %}"


@dataclass(frozen=True)
class TinyConfig:
    """Shape of the model; the defaults have about 0.2 million parameters beside the embeddings."""

    layers: int = 4
    hidden: int = 64  # width of the residual stream
    heads: int = 4
    context: int = 256  # longest prompt plus completion, tokens
    intermediate: int | None = None  # width of the SwiGLU layer; None: 8/3 of hidden, rounded up to a multiple of 16
    kv_heads: int | None = None  # grouped-query attention; None: as many as heads
    tie_embeddings: bool = False

    def __post_init__(self) -> None:
        if min(self.layers, self.hidden, self.heads, self.context) < 1:
            raise ValueError(f"layers, hidden, heads and context must be at least 1, got {self}")
        if self.hidden % self.heads or (self.hidden // self.heads) % 2:
            raise ValueError(f"hidden {self.hidden} over heads {self.heads} is not an even number, as rotary needs")
        if self.kv_heads is not None and (self.kv_heads < 1 or self.heads % self.kv_heads):
            raise ValueError(f"kv_heads {self.kv_heads} does not divide heads {self.heads}")

    @property
    def mlp_width(self) -> int:
        """Width of the SwiGLU layer."""
        return self.intermediate or -(-8 * self.hidden // 48) * 16


def build_tiny(config: TinyConfig, *, vocabulary: Sequence[str] | None, seed: int) -> CausalPolicy:
    """A freshly initialised policy in float32, a pure function of its arguments.

    Args:
        vocabulary: whitespace-free words for a word-level tokenizer, which splits on whitespace and joins by single
            spaces; None for a tokenizer of single printable ASCII characters and the newline.
        seed: of the initial weights; the global random state is left as it was.
    Raises:
        ValueError: an empty vocabulary, repeated or special words, words that contain whitespace.
    """
    tokenizer = _character_tokenizer() if vocabulary is None else _word_tokenizer(vocabulary)
    tokenizer.model_max_length = config.context
    model_config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden,
        intermediate_size=config.mlp_width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads or config.heads,
        max_position_embeddings=config.context,
        tie_word_embeddings=config.tie_embeddings,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = transformers.LlamaForCausalLM(model_config)
    return CausalPolicy(model.to(torch.float32).eval(), tokenizer)


def _word_tokenizer(vocabulary: Sequence[str]) -> transformers.PreTrainedTokenizerFast:
    words = list(vocabulary)
    if not words:
        raise ValueError("the vocabulary is empty; give the words of prompts and completions, or None for characters")
    if len(set(words)) != len(words):
        repeated = sorted({w for w in words if words.count(w) > 1})
        raise ValueError(f"the vocabulary repeats {repeated[:5]}; give every word once")
    for word in words:
        if word in SPECIAL_TOKENS or word.split() != [word]:
            raise ValueError(f"word {word!r} is empty, contains whitespace or is one of {SPECIAL_TOKENS}")
    return _fast_tokenizer(words, WhitespaceSplit(), decoder=None)


def _character_tokenizer() -> transformers.PreTrainedTokenizerFast:
    return _fast_tokenizer(CHARACTERS, Split(Regex(r"[\s\S]"), "isolated"), decoder=decoders.Fuse())


def _fast_tokenizer(words: Sequence[str], pre_tokenizer: Any, decoder: Any) -> transformers.PreTrainedTokenizerFast:
    ids = {word: i for i, word in enumerate([*SPECIAL_TOKENS, *words])}
    backend = Tokenizer(WordLevel(ids, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizer
    if decoder is not None:
        backend.decoder = decoder
    backend.post_processor = TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, ids[BOS])]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
