"""Several processes that share every optimizer step; the only `import accelerate`.

Rank 0 runs the loop and says what is called; the others follow. Gradients are summed once per optimizer step, over all
parameters at once: partial sums over one normaliser, so nothing is averaged and no rank needs to have work.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor, nn

from rl.learning.optimizer import Optimizer

RENDEZVOUS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def join(rank: int, world: int, port: int) -> None:
    """Makes this process one of `world` that meet on this machine: the next learner is built with the others.

    What `accelerate launch` does with a new process, done in one that has lived before.
    """
    values = (rank, rank, world, world, "127.0.0.1", port)
    os.environ.update(zip(RENDEZVOUS, map(str, values), strict=True))
    AcceleratorState._reset_state(reset_partial_state=True)


def leave() -> None:
    """Makes this process one that is alone again."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    for name in RENDEZVOUS:
        os.environ.pop(name, None)
    AcceleratorState._reset_state(reset_partial_state=True)


class Processes:
    """This process among those that `accelerate launch` or `torchrun` started; alone when there are none.

    Args:
        device: of this process's policy.
    """

    def __init__(self, device: torch.device) -> None:
        self._accelerator = Accelerator(cpu=device.type == "cpu")

    @property
    def is_main(self) -> bool:
        """True on rank 0."""
        return self.rank == 0

    @property
    def rank(self) -> int:
        """Number of this process."""
        return int(self._accelerator.process_index)

    @property
    def world(self) -> int:
        """Number of processes."""
        return int(self._accelerator.num_processes)

    def send(self, message: Any) -> None:
        """Rank 0: gives the others a message; they must be in `receive`."""
        if self.world > 1:
            broadcast_object_list([message])

    def receive(self) -> Any:
        """The other ranks: the next message of rank 0."""
        if self.is_main:
            raise RuntimeError("rank 0 runs the loop and has nobody to follow: call follow() on the other ranks")
        message: list[Any] = [None]
        broadcast_object_list(message)
        return message[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, in order, on every rank."""
        return cast(list[Any], gather_object([value]))

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over ranks, on every rank."""
        return tensor if self.world == 1 else cast(Tensor, self._accelerator.reduce(tensor, reduction="sum"))

    def sum_gradients(self, optimizers: Iterable[Optimizer]) -> None:
        """Replaces every gradient by its sum over ranks, in one exchange."""
        if self.world == 1:
            return
        shares = [gradient for optimizer in optimizers for gradient in optimizer.gradients()]
        flat = self.sum(torch.cat([share.reshape(-1) for share in shares]))
        for share, total in zip(shares, flat.split([share.numel() for share in shares])):
            share.copy_(total.view_as(share))

    def share_weights(self, modules: Sequence[nn.Module]) -> None:
        """Every rank takes rank 0's weights."""
        if self.world == 1:
            return
        for module in modules:
            for tensor in [*module.parameters(), *module.buffers()]:
                torch.distributed.broadcast(tensor.data, src=0)

    def end(self) -> None:
        """Leaves the group, on every rank, after the last learner was closed: a process that just exits may hang."""
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
