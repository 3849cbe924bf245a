"""The process behind a Ray worker, and how weights travel. `rl.workers.ray` turns the class into an actor.

One thread owns the policy: it loads the weights that a shard is to be sampled by, unless it has them, and generates.
Verdicts are waited for in the calling threads, so that the next shard is generated while the last one is verified;
heartbeats are answered by yet another thread.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from rl.workers.engine import PendingShard, RolloutEngine
from rl.workers.inline import thread_stacks
from rl.workers.types import Shard, ShardResult, WorkerSpec

MAX_CALLS = 8  # threads of an actor: two shards, a heartbeat, stacks, and room
PackedWeights = dict[str, tuple[np.ndarray, str, tuple[int, ...]]]


def pack_weights(weights: Mapping[str, Tensor]) -> PackedWeights:
    """Weights as bytes by name with dtype and shape: the object store shares such arrays without a copy."""
    packed = {}
    for name, tensor in weights.items():
        flat = tensor.detach().to("cpu").contiguous().reshape(-1)
        packed[name] = (flat.view(torch.uint8).numpy(), str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
    return packed


def unpack_weights(packed: PackedWeights) -> dict[str, Tensor]:
    """Tensors that share the memory of `packed`; only to be read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return {
            name: torch.from_numpy(data).view(getattr(torch, dtype)).reshape(shape)
            for name, (data, dtype, shape) in packed.items()
        }


class RolloutActor:
    """A rollout engine in a process of its own. Built empty, so that it answers at once; `setup` loads the rest."""

    def __init__(self, spec: WorkerSpec, name: str) -> None:
        import ray

        self.node: str = ray.get_runtime_context().get_node_id()
        self.spec = spec
        self.name = name
        self.engine: RolloutEngine | None = None
        self._edition = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="policy")

    def hello(self) -> tuple[int, str]:
        """The process id, and the id of the Ray node it runs on."""
        return os.getpid(), self.node

    def setup(self) -> None:
        """Loads policy, environment and verifier processes.

        Raises:
            Exception: whatever is wrong with the spec (missing folder, unknown environment ...).
        """
        self.engine = self._thread.submit(RolloutEngine, self.spec, name=self.name).result()

    def run(self, shard: Shard, edition: int, version: int, weights: PackedWeights | None) -> ShardResult:
        """A whole shard, sampled by these weights; its verification overlaps the generation of the next one.

        Args:
            edition: names the weights; they are loaded where the engine does not have this edition already.
            weights: None: those of the policy's folder.
        """
        pending = self._thread.submit(self._start, shard, edition, version, weights).result()
        assert self.engine is not None
        return self.engine.finish(pending)

    def ping(self) -> int | None:
        """Heartbeat: the process runs, and its interpreter is not stuck; see `RolloutEngine.progress`."""
        return None if self.engine is None else self.engine.progress

    def stacks(self) -> str:
        """The stacks of this process's threads."""
        return thread_stacks()

    def _start(self, shard: Shard, edition: int, version: int, weights: PackedWeights | None) -> PendingShard:
        assert self.engine is not None
        if edition != self._edition:
            assert weights is not None  # only the first edition, which every process begins with, has none
            self.engine.load_weights(unpack_weights(weights), version)
            self._edition = edition
        return self.engine.start(shard)
