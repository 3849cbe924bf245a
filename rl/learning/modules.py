"""What the learner does to a torch module before and around training."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn


def prepare_for_training(module: nn.Module, gradient_checkpointing: bool) -> None:
    """Float32 weights, no dropout, and recomputation of activations where asked.

    Raises:
        ValueError: trainable weights of half precision, which would lose every small update.
    """
    for name, parameter in module.named_parameters():
        if parameter.requires_grad and parameter.dtype is not torch.float32:
            raise ValueError(
                f"weight {name!r} is {parameter.dtype}: Adam's small updates vanish in it; "
                "load the policy as float32 and set autocast='bf16' for speed"
            )
    for child in module.modules():
        if isinstance(child, nn.Dropout):
            child.p = 0.0
        elif isinstance(getattr(child, "attention_dropout", None), float):
            child.attention_dropout = 0.0  # type: ignore[assignment]
    module.eval()
    if gradient_checkpointing:
        # transformers recomputes in training mode only; with every dropout at 0 the modes compute the same
        cast(Any, module).activation_checkpointing_enable({"use_reentrant": False})
        if hasattr(module, "enable_input_require_grads"):  # a LoRA policy's embeddings are frozen: nothing to follow
            cast(Any, module).enable_input_require_grads()
        module.train()


def trainable_weights(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the trainable parameters by name."""
    named = module.named_parameters()
    return {name: whole(parameter.detach()).cpu().clone() for name, parameter in named if parameter.requires_grad}


@torch.no_grad()
def load_trainable_weights(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copies `state`, whole tensors by name, into the trainable parameters; each process takes its share.

    Raises:
        ValueError: the names or a shape differ: it is of another model.
    """
    own = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if own.keys() != state.keys():
        different = sorted(own.keys() ^ state.keys())
        raise ValueError(
            f"the checkpoint is of another model: {len(different)} weights differ by name, first {different[0]!r}"
        )
    for name, parameter in own.items():
        if parameter.shape != state[name].shape:
            raise ValueError(
                f"the checkpoint's {name!r} has shape {tuple(state[name].shape)}, the model's {tuple(parameter.shape)}"
            )
        parameter.copy_(share_of(state[name], parameter))


def shard(module: nn.Module, layer_names: Collection[str], device: torch.device) -> None:
    """Spreads the parameters over all processes (FSDP2): gathered layer by layer for a pass, and freed after it.

    torch's own call rather than accelerate's, which refuses CPUs. From here on parameters are DTensors, and every
    process must run the same number of passes.

    Args:
        layer_names: classes of the layers that are gathered as one, a transformer's `_no_split_modules`.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    for child in list(module.modules()):
        if type(child).__name__ in layer_names:
            fully_shard(child, mesh=mesh)
    fully_shard(module, mesh=mesh)


def whole(tensor: Tensor) -> Tensor:
    """A sharded tensor put together, on every process that calls; any other as it is."""
    return cast(Any, tensor).full_tensor() if is_sharded(tensor) else tensor


def share_of(tensor: Tensor, like: Tensor) -> Tensor:
    """`tensor` spread as `like` is; a copy on the device of `like` where that is not sharded."""
    tensor = tensor.to(like.device, copy=True)
    if not is_sharded(like) or not tensor.dim():
        return tensor
    from torch.distributed.tensor import distribute_tensor

    sharded = cast(Any, like)
    return distribute_tensor(tensor, sharded.device_mesh, sharded.placements)


def is_sharded(tensor: Tensor) -> bool:
    """True for a DTensor; importing their class would cost a second where there are none."""
    return hasattr(tensor, "full_tensor")
