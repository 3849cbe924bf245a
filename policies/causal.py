"""Any Hugging Face causal language model as a policy: model, tokenizer, and the ids that end a completion.

Token ids go in and come out; text is encoded once, on the way in. Published weights are always those of the plain
model (LoRA adapters merged in), so a worker needs to know nothing about how the learner trains.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from policies.pretrained.adapters import adapter_of, load_adapter
from policies.pretrained.fetch import located
from policies.pretrained.foreign import check_model_config, render, told_as_value_error
from policies.saving import quiet, saving

Messages = Sequence[Mapping[str, str]]


class CausalPolicy:
    """A causal language model with its tokenizer.

    Attributes:
        model: the Hugging Face module (a `PeftModel` when LoRA is on).
        tokenizer: its fast tokenizer.
        stop_ids: every token id that ends a completion: the tokenizer's end token, the generation config's, and the
            one with which the chat template closes the assistant's turn.
        pad_id: what fills padding; may equal a stop id, so masks come from lengths and never from ids.
    """

    def __init__(self, model: nn.Module, tokenizer: Any) -> None:
        self.model: Any = model
        self.tokenizer = tokenizer
        self.stop_ids = _stop_ids(self.model, tokenizer)
        pad, rows = tokenizer.pad_token_id, self.num_tokens
        is_known = pad is not None and (
            rows is None or pad < rows
        )  # one may be added to a tokenizer, and no row for it
        self.pad_id: int = int(pad) if is_known else self.stop_ids[0]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def is_lora(self) -> bool:
        """True when the model carries LoRA adapters."""
        return hasattr(self.model, "peft_config")

    @property
    def num_parameters(self) -> int:
        """Number of weights, shared ones counted once."""
        return sum(p.numel() for p in self.model.parameters())

    @property
    def context(self) -> int | None:
        """Tokens of prompt and completion that the model reads at most; None where its config does not say."""
        length = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return length if isinstance(length, int) else None

    @property
    def num_tokens(self) -> int | None:
        """Tokens that the model has embeddings for; None where its config does not say. A tokenizer may know others."""
        size = getattr(self.model.config.get_text_config(), "vocab_size", None)
        return size if isinstance(size, int) else None

    def encode(self, prompt: str | Messages, tools: Sequence[Mapping[str, Any]] = ()) -> tuple[int, ...]:
        """Token ids of a prompt; messages go through the tokenizer's chat template up to the assistant's turn.

        Args:
            tools: JSON schemas of functions that the policy may call; the chat template writes them.
        Raises:
            ValueError: messages and no chat template, or tools and a template that does not write them.
        """
        if isinstance(prompt, str):
            return self._without_end(tuple(self.tokenizer(prompt, verbose=False)["input_ids"]), prompt)
        if not self.tokenizer.chat_template:
            raise ValueError(
                "the prompt is a list of messages and the tokenizer has no chat template; "
                "set tokenizer.chat_template or give the prompt as text"
            )
        text = self._through_template(prompt, tools)
        if tools and text == self._through_template(prompt, ()):
            raise ValueError("the tokenizer's chat template writes no tools; use one that does, or the inline form")
        ids = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        bos = self.tokenizer.bos_token_id
        # A template that writes no beginning token leaves it to the tokenizer, as plain text does.
        writes_bos = tuple(self.tokenizer("")["input_ids"][:1]) == (bos,)
        return ids if not writes_bos or ids[:1] == (bos,) else (bos, *ids)

    def _without_end(self, ids: tuple[int, ...], prompt: str) -> tuple[int, ...]:
        """A prompt's ids without an end token that the tokenizer appended: a completion must not start after the end.

        Some tokenizers append one (`add_eos_token`, a post-processor); one that the text itself spells stays.
        """
        if not ids or ids[-1] not in self.stop_ids:
            return ids
        text = tuple(self.tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"])
        for end in range(len(ids), len(text) - 1, -1):
            if ids[end - len(text) : end] == text:
                return ids[:end]
        return ids

    def _through_template(self, prompt: Messages, tools: Sequence[Mapping[str, Any]]) -> str:
        def write() -> str:
            """The template's text, by code that came with the model."""
            return str(
                self.tokenizer.apply_chat_template(
                    list(prompt), tools=list(tools) or None, tokenize=False, add_generation_prompt=True
                )
            )

        return render(write)

    def encode_completion(self, text: str) -> tuple[int, ...]:
        """Token ids of a completion, closed by the tokenizer's end token."""
        ids = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return (*ids, self.stop_ids[0])

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of token ids without stop tokens and other special tokens."""
        kept = [int(t) for t in tokens if t not in self.stop_ids]
        return self.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def decode_prompt(self, tokens: Sequence[int]) -> str:
        """Text of a prompt's token ids, special tokens written out: what the model really reads."""
        return self.tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def weights(self) -> dict[str, Tensor]:
        """Detached CPU copies of the parameters and saved buffers by name, tied ones once, adapters merged in."""
        named = _merged_tensors(self.model) if self.is_lora else _named_tensors(self.model)
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in named}

    @torch.no_grad()
    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Copy `weights`, as `weights()` of an equal model gave them, into this model in place.

        Raises:
            ValueError: the policy has LoRA adapters, or names or shapes differ.
        """
        if self.is_lora:
            raise ValueError("published weights are those of the plain model; load them into a policy without LoRA")
        own = dict(_named_tensors(self.model))
        if own.keys() != weights.keys():
            missing, unknown = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
            raise ValueError(f"weights do not fit the model: missing {missing[:5]}, unknown {unknown[:5]}")
        for name, tensor in own.items():
            if tensor.shape != weights[name].shape:
                raise ValueError(
                    f"weight {name!r} has shape {tuple(weights[name].shape)}, expected {tuple(tensor.shape)}"
                )
            tensor.copy_(weights[name])

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load_policy`, `AutoModelForCausalLM` and `AutoTokenizer` load; adapters are merged.

        Raises:
            OSError: the disk refuses; see `policies.saving`.
        """
        model = copy.deepcopy(self.model).merge_and_unload() if self.is_lora else self.model
        with saving(folder) as writing, quiet():
            model.save_pretrained(writing)
            self.tokenizer.save_pretrained(writing)


def check_device(device: str | torch.device) -> None:
    """Refuses a device that torch does not know or cannot use here.

    Raises:
        ValueError: with what torch says.
    """
    if torch.device(device).type == "meta" if isinstance(device, torch.device) else str(device).startswith("meta"):
        raise ValueError(f"device {str(device)!r} holds no values; expected cpu, cuda or cuda:N")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: this torch was built without CUDA
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"device {str(device)!r} cannot be used: {reason}; expected cpu, cuda or cuda:N") from error


def load_policy(
    path_or_id: str | Path,
    *,
    dtype: str = "float32",
    device: str | torch.device = "cpu",
    trust_remote_code: bool = False,
    lora: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> CausalPolicy:
    """The policy in a Hugging Face folder or hub repository, a GGUF file or an adapter folder, in evaluation mode.

    An adapter is merged into its base, or trained on where `lora` asks for adapters.

    Args:
        path_or_id: also the name of a known model (policies/pretrained/catalogue.py).
        dtype: name of the weights' torch dtype: float32, bfloat16 or float16.
        trust_remote_code: run Python code that the repository ships.
        lora: settings of `peft.LoraConfig` (r, lora_alpha, target_modules ...) to train adapters instead of weights.
        seed: fresh adapters are drawn from it; the global random state is left as it was.
    Raises:
        ValueError: a known model that is not here yet, a GGUF file or an adapter that cannot be read.
    """
    check_device(device)
    adapter = adapter_of(path_or_id)
    where = located(path_or_id if adapter is None else adapter.base)
    if Path(where).is_dir():
        check_model_config(Path(where))
    with quiet(), told_as_value_error(f"the weights in {where} cannot be loaded"):
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            where, dtype=torch_dtype(dtype), trust_remote_code=trust_remote_code
        )
    with torch.random.fork_rng(devices=[]):  # peft draws from torch's global generator
        torch.manual_seed(seed)
        if adapter is not None:
            model = load_adapter(model, adapter, lora)
        elif lora is not None:
            from peft import LoraConfig, get_peft_model

            model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora))
    with told_as_value_error(f"the tokenizer in {where} cannot be loaded"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, trust_remote_code=trust_remote_code)
    return CausalPolicy(model.to(device).eval(), tokenizer)


def load_reader(path_or_id: str | Path, *, trust_remote_code: bool = False) -> CausalPolicy:
    """The policy without its weights: it encodes and decodes, and its config says how long a context is.

    For what is asked before anything is trained, such as the length of prompts.

    Raises:
        OSError, ValueError: as `load_policy`.
    """
    adapter = adapter_of(path_or_id)
    where = located(path_or_id if adapter is None else adapter.base)
    if Path(where).is_dir():
        check_model_config(Path(where))
    with quiet(), told_as_value_error(f"config and tokenizer in {where} cannot be loaded"):
        config = transformers.AutoConfig.from_pretrained(where, trust_remote_code=trust_remote_code)
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, trust_remote_code=trust_remote_code)
    return CausalPolicy(_NoWeights(config), tokenizer)


class _NoWeights(nn.Module):
    """Stands where a model would be."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config


def torch_dtype(name: str) -> torch.dtype:
    """The torch dtype of a name that configs may use."""
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in known:
        raise ValueError(f"dtype is {name!r}, expected one of {', '.join(known)}")
    return known[name]


def _stop_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Ids that end a completion, the tokenizer's end token first."""
    generation = getattr(model, "generation_config", None)
    configured = getattr(generation, "eos_token_id", None)
    if configured is None:
        configured = getattr(model.config, "eos_token_id", None)
    listed = list(configured) if isinstance(configured, list | tuple) else [configured]
    ids = [i for i in (tokenizer.eos_token_id, *listed) if i is not None]
    if ids and (end := _turn_end(tokenizer)) is not None:
        ids.append(end)
    if not ids:
        raise ValueError("neither tokenizer nor model names an end token; set tokenizer.eos_token")
    return tuple(dict.fromkeys(int(i) for i in ids))


def _turn_end(tokenizer: Any) -> int | None:
    """The special token that the chat template writes after the assistant's words; None where it writes none.

    Base models that a template was given to often name another end token: they would write the user's next turn too.
    """
    if not tokenizer.chat_template:
        return None
    words = "zebra"
    talk = [{"role": "user", "content": "."}, {"role": "assistant", "content": words}]
    try:
        text = render(lambda: str(tokenizer.apply_chat_template(talk, tokenize=False)))
    except ValueError:  # a template that refuses these two turns is told when it refuses a prompt
        return None
    ids = tokenizer(text.rpartition(words)[2], add_special_tokens=False, verbose=False)["input_ids"]
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return int(ids[0]) if ids and ids[0] in added and added[ids[0]].special else None


def _named_tensors(model: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and persistent buffers by name; a tied parameter appears once, under its first name."""
    saved = model.state_dict().keys()
    return [*model.named_parameters(), *((n, b) for n, b in model.named_buffers() if n in saved)]


@torch.no_grad()
def _merged_tensors(model: Any) -> list[tuple[str, Tensor]]:
    """The tensors of the plain model under a PEFT model, W + sum of adapter deltas, under the plain model's names.

    Nothing is merged in place: W + d - d is not W in floating point, and publishing would drift the frozen weights.
    """
    base = model.get_base_model()
    deltas: dict[str, Tensor] = {}
    for name, module in base.named_modules():
        if hasattr(module, "get_delta_weight") and hasattr(module, "base_layer"):
            parts = [module.get_delta_weight(a) for a in module.active_adapters if a in module.lora_A]
            deltas[f"{name}.base_layer.weight"] = torch.stack(parts).sum(0)
    named = [(name, t) for name, t in _named_tensors(base) if ".lora_" not in name]
    return [(name.replace(".base_layer.", "."), t + deltas[name] if name in deltas else t) for name, t in named]
