"""The executor on Ray: rollout workers in processes of this machine or of a cluster.

`rl.workers.supervisor` keeps them at work; this module starts them, calls them and ends them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError, RayTaskError

from rl.workers.actor import MAX_CALLS, RolloutActor, pack_weights
from rl.workers.cluster import cluster_address, give_up_ray, start_ray
from rl.workers.nodes.demand import Demand
from rl.workers.nodes.placement import Reservation, actor_resources
from rl.workers.nodes.watch import NodeWatch
from rl.workers.slot import Patience
from rl.workers.supervisor import SupervisedWorkers
from rl.workers.types import WorkerSpec

if TYPE_CHECKING:
    from torch import Tensor

CLOSE_SECONDS = 2.0  # for processes to end by themselves
LOOK_SECONDS = 0.5  # between looks at whether the node still answers, while weights are handed over


class RayWorkers(SupervisedWorkers):
    """Supervised rollout workers on Ray.

    Args:
        num_workers: worker processes; results do not depend on it.
        address: of a Ray cluster; None: that of RAY_ADDRESS, else a local Ray, started if there is none.
        cpus_per_worker: what a worker asks Ray for; None: its threads.
        gpus_per_worker: the same for GPUs; may be a fraction.
        resources_per_worker: the same for resources that the cluster's nodes declare.
        placement: "any" node, or "colocated" with the learner or "apart" from it.
        num_spares: processes that are loaded and wait for one to die; None: one, and none where workers hold GPUs or
            other resources.
        patience: how long to wait for what.
        actor: what runs in the processes.
    Raises:
        ConnectionError: no cluster answers.
        NoRoomError: the cluster has no room for the workers.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        num_workers: int,
        *,
        address: str | None = None,
        cpus_per_worker: float | None = None,
        gpus_per_worker: float = 0.0,
        resources_per_worker: Mapping[str, float] | None = None,
        placement: str = "any",
        num_spares: int | None = None,
        patience: Patience | None = None,
        actor: type[RolloutActor] = RolloutActor,
    ) -> None:
        cpus = float(spec.threads) if cpus_per_worker is None else cpus_per_worker
        demand = Demand(cpus, gpus_per_worker, resources_per_worker or {}, placement)
        is_own = cluster_address(address) is None
        start_ray(address, num_cpus=int(num_workers * cpus) + 1)
        if is_own and num_workers * cpus > ray.cluster_resources().get("CPU", 0.0):
            demand = replace(demand, cpus=0.0)  # a Ray started for fewer: its only machine is shared, as threads are
        if num_spares is None:
            num_spares = int(not demand.gpus and not demand.custom)
        launcher = RayLauncher(spec, demand, None if is_own else num_workers, actor=actor)
        super().__init__(launcher, num_workers, num_spares=num_spares, patience=patience)


class RayLauncher:
    """Starts Ray actors. Implements `rl.workers.supervisor.Launcher`.

    Args:
        num_reserved: workers for which room is reserved; None: Ray finds a place for each when it is started.
    """

    def __init__(
        self, spec: WorkerSpec, demand: Demand, num_reserved: int | None, *, actor: type[RolloutActor]
    ) -> None:
        self.spec = spec
        context = ray.get_runtime_context()
        self._node = context.get_node_id()
        nodes = {node["NodeID"]: node for node in ray.nodes()}
        own = nodes[self._node]
        address = f"{own['NodeManagerAddress']}:{own['NodeManagerPort']}"
        self._watch = NodeWatch(own["RayletSocketName"], context.gcs_address, address)
        self._resources = actor_resources(demand)
        self._room = None if num_reserved is None else Reservation(demand, num_reserved)
        self._settings = {
            "max_concurrency": MAX_CALLS,
            "max_restarts": 0,  # Ray would revive an actor by itself; the supervisor does it, and knows of it
            "scheduling_strategy": "SPREAD",
        }
        self._actor_class = ray.remote(actor)
        self._places: dict[str, int] = {}  # name of a worker -> its bundle

    def start(self, name: str, *, is_spare: bool = False) -> RayRemote:
        """A new actor; a spare asks Ray for nothing, so that a full cluster has room for it."""
        if is_spare:
            settings = {**self._settings, **self._resources, "num_cpus": 0}
        else:
            index = self._places.setdefault(name, len(self._places))
            settings = {**self._settings, **self._resources, **(self._room.options(index) if self._room else {})}
        return RayRemote(self._actor_class.options(**settings).remote(self.spec, name), self._node)

    def lost(self) -> str:
        """Why Ray itself is gone."""
        return self._watch.lost()

    def put(self, weights: Mapping[str, Tensor]) -> Any:
        """A reference in the object store; None when the node was lost, which `lost` then tells.

        A node's daemon that is stopped never comes back from a call, so another thread waits for it.
        """
        done: Future[Any] = Future()

        def put() -> None:
            """Puts them, and hands over what came of it."""
            try:
                done.set_result(ray.put(pack_weights(weights)))
            except BaseException as error:  # raised again by whoever waits
                done.set_exception(error)

        threading.Thread(target=put, name="put-weights", daemon=True).start()
        while not wait([done], LOOK_SECONDS).done:
            if self.lost():
                return None
        return done.result()

    def is_lost(self, error: BaseException) -> bool:
        """Anything of Ray's own but an exception that the method raised."""
        return isinstance(error, RayError) and not isinstance(error, RayTaskError)

    def cause(self, error: BaseException) -> BaseException:
        """The exception that was raised in the worker."""
        cause = error.cause if isinstance(error, RayTaskError) else None
        return cause if isinstance(cause, BaseException) else error

    def close(self, remotes: Collection[Any]) -> None:
        """Asks all to end, and kills those that do not; without a node, actors end by themselves."""
        self._watch.close()
        if self.lost():
            give_up_ray()
            return
        for remote in remotes:
            ray.kill(remote.actor)
        end = time.monotonic() + CLOSE_SECONDS
        while any(remote.is_running for remote in remotes) and time.monotonic() < end:
            time.sleep(0.02)
        for remote in remotes:
            remote.kill()
        if self._room is not None:
            self._room.release()


class RayRemote:
    """One actor. Implements `rl.workers.supervisor.Remote`."""

    def __init__(self, actor: Any, own_node: str) -> None:
        self.actor = actor
        self.pid = 0
        self._own_node = own_node
        self._node = ""

    def call(self, method: str, *arguments: Any) -> Future[Any]:
        """Calls the actor."""
        return getattr(self.actor, method).remote(*arguments).future()

    def located(self, where: tuple[int, str]) -> None:
        """Process id and Ray node."""
        self.pid, self._node = where

    @property
    def is_stopped(self) -> bool:
        """Whether the process is on this machine, and stopped."""
        if not self.is_running:
            return False
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    @property
    def is_running(self) -> bool:
        """Whether the process is on this machine and still runs (and is not a newcomer with its number)."""
        if not self.pid or self._node != self._own_node:
            return False
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().startswith(b"ray::")
        return False

    def kill(self) -> None:
        """Ray asks a process to end itself, which a stopped one cannot hear: on this machine it is killed as well."""
        ray.kill(self.actor)
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
