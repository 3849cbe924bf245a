"""Log-probabilities under a large vocabulary from hidden states, on a CPU: logits exist once, then become a gradient.

torch's own operators hold four tables of [tokens, vocabulary] at a time and read each several times over; the kernels
(policies/kernels/softmax.c) read logits twice and write their gradient in their place.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from policies.kernels import load_kernels
from policies.kernels.threads import parts_of, run_all

LARGE_VOCABULARY = 1 << 12
KEPT_LOGITS = 1 << 25  # logits kept for the backward pass (134 MB); of more, chunks of so many are made again


def serves(head: nn.Module) -> bool:
    """True for a plain linear head of a large vocabulary on a CPU: nothing wraps, shards or watches its product."""
    return (
        type(head) is nn.Linear
        and type(head.weight) is nn.Parameter
        and head.bias is None
        and not (head._forward_hooks or head._forward_pre_hooks)
        and head.weight.device.type == "cpu"
        and len(head.weight) >= LARGE_VOCABULARY
        and load_kernels() is not None
    )


def head_scores(head: nn.Linear, hidden: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """([N], [N]) float32 log-probabilities of `targets` and entropies in nats, differentiable in states and weights.

    Args:
        head: one that `serves`.
        hidden: [N, H] states.
        targets: [N] int64 tokens.
        temperature: logits are divided by it.
    """
    return cast(tuple[Tensor, Tensor], _HeadScores.apply(hidden, head.weight, targets.contiguous(), temperature))


class _HeadScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Products in autocast's type where it is on; all else in float32."""
        ctx.types = hidden.dtype, weight.dtype
        arithmetic = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else weight.dtype
        hidden, weight = hidden.to(arithmetic), weight.to(arithmetic)
        logprobs, entropies, logsums = (torch.empty(len(hidden)) for _ in range(3))
        cuts = _cuts(hidden, weight)
        logits = None
        for cut in cuts:
            logits = _logits(hidden[cut], weight)
            found = (logprobs[cut], entropies[cut], logsums[cut])
            _run("softmax_scores", logits, temperature, (targets[cut], *found))
        ctx.save_for_backward(hidden, weight, targets, logsums, entropies)
        ctx.temperature = temperature
        ctx.logits = logits if len(cuts) == 1 and any(ctx.needs_input_grad) else None
        return logprobs, entropies

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of states and weights; None for targets and temperature."""
        hidden, weight, targets, logsums, entropies = ctx.saved_tensors
        of_scores = [gradient.contiguous() for gradient in gradients]
        kept, ctx.logits = ctx.logits, None  # they are overwritten: another pass makes them again
        of_hidden, of_weight = torch.empty_like(hidden), None
        for cut in _cuts(hidden, weight):
            logits = _logits(hidden[cut], weight) if kept is None else kept
            columns = (targets[cut], logsums[cut], entropies[cut], *(x[cut] for x in of_scores))
            _run("softmax_gradient", logits, ctx.temperature, columns)
            slopes = logits.to(hidden.dtype)
            if ctx.needs_input_grad[0]:
                torch.mm(slopes, weight, out=of_hidden[cut])
            if ctx.needs_input_grad[1]:
                of_weight = _add_product(of_weight, slopes.t(), hidden[cut])
        types = ctx.types
        return (
            of_hidden.to(types[0]) if ctx.needs_input_grad[0] else None,
            None if of_weight is None else of_weight.to(types[1]),
            None,
            None,
        )


def _cuts(hidden: Tensor, weight: Tensor) -> list[slice]:
    """Pieces of the tokens whose logits are made at once."""
    size = max(1, KEPT_LOGITS // len(weight))
    return [slice(first, first + size) for first in range(0, len(hidden), size)]


def _logits(hidden: Tensor, weight: Tensor) -> Tensor:
    """[N, V] float32, of memory that nothing else reads."""
    return F.linear(hidden, weight).float()


def _add_product(total: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
    return a @ b if total is None else total.addmm_(a, b)


def _run(name: str, logits: Tensor, temperature: float, columns: tuple[Tensor, ...]) -> None:
    """Calls a kernel on the rows of logits and of the `columns` beside them, split among torch's threads."""
    function: Any = getattr(load_kernels(), name)
    run_all(
        [
            (
                function,
                logits[part].data_ptr(),
                part.stop - part.start,
                logits.shape[1],
                1 / temperature,
                *(column[part].data_ptr() for column in columns),
            )
            for part in parts_of(len(logits), torch.get_num_threads())
        ]
    )
