"""Log-probabilities of given tokens, as the learner differentiates them.

Column t speaks about tokens[:, t]: the logits that predict it come from column t - 1. The softmax is float32 whatever
the weights are, and logits exist only for the tokens that are scored: all at once for a small vocabulary, in
recomputed chunks for a large one, never as [B, T, V].
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from policies.scoring import head_scores
from policies.scoring.packed.packing import can_pack, padded_inputs, row_multiple, trunk_states

CHUNK_LOGITS = 1 << 24  # logits held at once by torch (64 MB in float32) before the vocabulary is worked in chunks
# Settings of logits that are not the head's product alone; small weights would hide a soft cap from a look at them.
LOGIT_TRANSFORMS = (
    *("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap", "softcap"),
    *("logit_scale", "logits_scaling", "output_multiplier", "lm_head_multiplier"),
)


class TokenScores(NamedTuple):
    """What `score_tokens` returns.

    Attributes:
        logprobs: [B, T] float32, log pi(tokens[t] | tokens[<t]); 0 in column 0, on padding and where not asked.
        entropy: [B, T] float32 in nats of the distribution that tokens[t] was drawn from, or None if not asked.
        values: [B, T] float32, value of the state before tokens[t], or None without a value head.
    """

    logprobs: Tensor
    entropy: Tensor | None
    values: Tensor | None = None


def score_tokens(
    model: Any,
    tokens: Tensor,
    attention: Tensor,
    *,
    temperature: float = 1.0,
    with_entropy: bool = False,
    where: Tensor | None = None,
    value_head: nn.Module | None = None,
) -> TokenScores:
    """Log-probability of every token given those before it, differentiable in the model's weights.

    Dropout follows the module's mode: call it on a module in evaluation mode unless dropout is wanted.

    Args:
        model: a Hugging Face causal LM (or a PEFT model around one).
        tokens: [B, T] int64, padded on either side.
        attention: [B, T] bool, True on real tokens.
        temperature: logits are divided by it, as the sampler did; above 0.
        where: [B, T] bool, the tokens to score (for example the action mask); None: all real ones.
        value_head: [N, H] hidden states -> [N] values, on the trunk that the log-probabilities come from.
    Raises:
        ValueError: shapes differ or temperature is not positive.
    """
    if tokens.dim() != 2 or attention.shape != tokens.shape:
        raise ValueError(f"tokens is {tuple(tokens.shape)} and attention {tuple(attention.shape)}, expected one [B, T]")
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}, expected a positive number (score greedy samples at 1)")
    attention = attention.bool()
    wanted = attention if where is None else attention & where.bool()
    # A token needs a real predecessor: with padding on the left the first real token has none.
    wanted = wanted[:, 1:] & attention[:, :-1]
    targets = tokens[:, 1:][wanted]  # [N]
    columns = torch.zeros_like(attention)
    columns[:, 1:] = wanted
    found = _score(model, tokens, attention, wanted, targets, temperature, with_entropy, value_head)

    def spread(scores: Tensor) -> Tensor:
        """[N] scores put back in their places: [B, T], 0 elsewhere."""
        return torch.zeros(tokens.shape, dtype=torch.float32, device=tokens.device).masked_scatter(columns, scores)

    logprobs, entropy, values = found
    return TokenScores(
        spread(logprobs),
        spread(entropy) if with_entropy else None,
        None if values is None else spread(values),
    )


class TokenScorer(nn.Module):
    """`score_tokens` as a module's forward, for wrappers that must see the call (DDP, FSDP).

    Args:
        value_head: applied when `with_values` asks for it.
    """

    def __init__(self, model: nn.Module, value_head: nn.Module | None = None) -> None:
        super().__init__()
        self.model = model
        self.value_head = value_head
        self.can_pack(1)  # looks once, while the weights are whole: a wrapper may shard them later

    def can_pack(self, width: int) -> bool:
        """True when rows of `width` tokens run packed: without padding, every distinct prefix once."""
        plain: Any = plain_model(self.model)
        return not has_own_logits(plain) and can_pack(plain.base_model, width)

    def forward(self, tokens: Tensor, attention: Tensor, *, with_values: bool = False, **options: Any) -> TokenScores:
        """See `score_tokens`."""
        value_head = self.value_head if with_values else None
        return score_tokens(self.model, tokens, attention, value_head=value_head, **options)


def plain_model(model: Any) -> Any:
    """The transformers model itself, without the wrapper of its LoRA adapters (which stay inside its modules)."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def has_own_logits(model: Any) -> bool:
    """True when logits are more than the head's product with the hidden state: a setting says so, or a look at both."""
    config = model.config.get_text_config()
    if any(getattr(config, name, None) for name in LOGIT_TRANSFORMS):
        return True
    if model not in _own_logits:
        _own_logits[model] = not _head_is_all(model)
    return _own_logits[model]


_own_logits: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()


@torch.no_grad()
def _head_is_all(model: Any) -> bool:
    """Whether the head's product gives the model's logits of a few tokens."""
    if model.base_model is model:  # some models name no trunk
        return False
    weight, was_training = next(model.parameters()), model.training
    tokens = torch.tensor([[3, 1, 4, 1]], device=weight.device) % model.config.get_text_config().vocab_size
    model.eval()  # dropout would make any two passes differ
    try:
        with torch.autocast(weight.device.type, enabled=False):
            expected = model(input_ids=tokens, use_cache=False).logits.float()
            hidden = model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
            head = model.get_output_embeddings()
            if head.weight.shape != (expected.shape[-1], hidden.shape[-1]):
                return False
            found = head(hidden).float()
    finally:
        model.train(was_training)
    tolerance = 1e-3 if weight.dtype == torch.float32 else 3e-2
    return bool((found - expected).norm() <= tolerance * expected.norm())


def _score(
    model: Any,
    tokens: Tensor,
    attention: Tensor,
    wanted: Tensor,
    targets: Tensor,
    temperature: float,
    with_entropy: bool,
    value_head: nn.Module | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """([N], [N], [N]) log-probabilities, entropies (empty if not asked) and values (None without a head)."""
    plain = plain_model(model)
    if has_own_logits(plain):  # let the model make them, of all positions
        output = model(**padded_inputs(tokens, attention), output_hidden_states=value_head is not None)
        logits = output.logits[:, :-1][wanted]
        values = None if value_head is None else value_head(output.hidden_states[-1][:, :-1][wanted])
        return *_from_logits(logits, targets, temperature, with_entropy), values
    states, nodes = trunk_states(plain.base_model, tokens, attention)
    hidden = F.embedding(nodes[:, :-1][wanted], states)  # [N, H]
    values = None if value_head is None else value_head(hidden)
    return *_from_hidden(plain, hidden, targets, temperature, with_entropy), values


def _from_hidden(
    model: Any, hidden: Tensor, targets: Tensor, temperature: float, with_entropy: bool
) -> tuple[Tensor, Tensor]:
    """([N], [N]) log-probabilities and entropies, a large vocabulary in recomputed chunks of tokens."""
    head = model.get_output_embeddings()
    if head_scores.serves(head):
        logprobs, entropies = head_scores.head_scores(head, hidden, targets, temperature)
        return logprobs, entropies if with_entropy else entropies.new_zeros(0)
    chunk = max(1, CHUNK_LOGITS // model.config.get_text_config().vocab_size)
    if targets.numel() <= chunk:
        more = -len(hidden) % row_multiple(model.base_model, hidden.device)
        return _from_logits(head(F.pad(hidden, (0, 0, 0, more)))[: len(hidden)], targets, temperature, with_entropy)

    def score_chunk(part: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of a part of the tokens, whose logits are made again for the backward pass."""
        return _from_logits(head(part), target, temperature, with_entropy)

    parts = [
        checkpoint(score_chunk, part, target, use_reentrant=False)
        for part, target in zip(hidden.split(chunk), targets.split(chunk), strict=True)
    ]
    return torch.cat([logprob for logprob, _ in parts]), torch.cat([entropy for _, entropy in parts])


def _from_logits(logits: Tensor, targets: Tensor, temperature: float, with_entropy: bool) -> tuple[Tensor, Tensor]:
    scaled = logits.float()
    if temperature != 1:
        scaled = scaled / temperature
    logprobs = scaled.log_softmax(-1)
    # clamp: a token that the model forbids has log-probability -inf and contributes 0 x -inf = NaN
    floor = torch.finfo(torch.float32).min
    entropy = -(logprobs.exp() * logprobs.clamp(min=floor)).sum(-1) if with_entropy else logprobs.new_zeros(0)
    return logprobs.gather(1, targets[:, None]).squeeze(1), entropy
