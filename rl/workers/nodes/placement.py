"""Where on a cluster the workers run, and what each of them asks Ray for.

On a cluster the room for all workers is reserved at once, as a placement group: a run that finds no room for its last
worker says so, instead of holding the others' devices while it waits. On a Ray of our own there is one machine, and
nothing to reserve.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from rl.workers.nodes.demand import Demand
from rl.workers.types import NoRoomError

ROOM_SECONDS = 60.0  # for a cluster that is busy, or grows on demand
NODE_ID = "ray.io/node-id"  # Ray's label of a node


class Reservation:
    """Room for `num` workers on the cluster that this process is connected to; one bundle each.

    Raises:
        NoRoomError: the nodes in question have no such resources, or none free within ROOM_SECONDS.
    """

    def __init__(self, demand: Demand, num: int, *, room_seconds: float = ROOM_SECONDS) -> None:
        self.demand = demand
        selectors = _selectors(demand.placement)
        self.group: PlacementGroup | None = None
        if not demand.bundle:
            if selectors:
                raise ValueError(f"placement {demand.placement!r} needs workers that ask for something: cpus is 0")
            return
        extra: dict[str, Any] = {"bundle_label_selector": [selectors] * num} if selectors else {}
        self.group = placement_group([demand.bundle] * num, strategy="SPREAD", **extra)
        if not self.group.wait(room_seconds):
            self.release()
            asked = f"{num} workers with {_amounts(demand.bundle)} each"
            raise NoRoomError(no_room(asked, demand, room_seconds))

    def options(self, index: int) -> dict[str, Any]:
        """Options of the actor that gets a worker's bundle, in all its lives."""
        if self.group is None:
            return {"scheduling_strategy": "SPREAD"}
        return {"scheduling_strategy": PlacementGroupSchedulingStrategy(self.group, placement_group_bundle_index=index)}

    def release(self) -> None:
        """Gives the room back; what runs in it is ended by Ray."""
        if self.group is not None:
            remove_placement_group(self.group)
            self.group = None


def actor_resources(demand: Demand) -> dict[str, Any]:
    """A demand as options of an actor."""
    found: dict[str, Any] = {"num_cpus": demand.cpus, "num_gpus": demand.gpus}
    custom = {name: amount for name, amount in demand.custom.items() if amount > 0}
    return {**found, "resources": custom} if custom else found


def check_room(demand: Demand, num: int, *, room_seconds: float = ROOM_SECONDS) -> None:
    """Reserves room for the workers and gives it back: what is asked for in vain is known before anything is trained.

    Raises:
        NoRoomError: as `Reservation`.
    """
    Reservation(demand, num, room_seconds=room_seconds).release()


def check_room_for_seeds(
    seed: Demand, num_seeds: int, workers: Demand, num: int, *, room_seconds: float = ROOM_SECONDS
) -> None:
    """The same for seeds that run on the cluster at a time, each with workers of its own: without room for a seed's
    workers beside all seeds, each would wait for what the others hold.

    Args:
        num: workers of each seed.
    Raises:
        NoRoomError: as `Reservation`.
    """
    largest = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    of_a_seed = Counter({**seed.bundle, "CPU": min(seed.cpus, largest)})  # as `rl.workers.nodes.tasks.ClusterTask`
    of_workers = [workers.bundle] * num if workers.bundle else []
    if workers.placement == "colocated":  # with their seed, wherever that is
        for bundle in of_workers:
            of_a_seed.update(bundle)
        of_workers = []
    group = placement_group([dict(of_a_seed), *of_workers] * num_seeds, strategy="SPREAD")
    found = group.wait(room_seconds)
    remove_placement_group(group)
    if not found:
        asked = (
            f"{num_seeds} seeds at a time with {_amounts(seed.bundle)} each, and {num} workers with "
            f"{_amounts(workers.bundle)} each for every seed"
        )
        raise NoRoomError(no_room(asked, Demand(seed.cpus, workers.gpus, workers.custom), room_seconds, "--parallel, "))


def no_room(asked: str, demand: Demand, seconds: float, also: str = "") -> str:
    """What was asked for, and what there is.

    Args:
        asked: in words.
        demand: which amounts of which nodes are told.
        also: settings that could ask for less, besides those of workers.
    """
    own = ray.get_runtime_context().get_node_id()
    nodes = [node for node in ray.nodes() if node["Alive"]]
    if demand.placement != "any":
        nodes = [node for node in nodes if (node["NodeID"] == own) == (demand.placement == "colocated")]
    have: Counter[str] = Counter()
    for node in nodes:
        have.update({name: node["Resources"].get(name, 0.0) for name in demand.bundle})
    where = {"any": "of the cluster", "colocated": "of the learner's machine", "apart": "beside the learner's machine"}
    return (
        f"no room within {seconds:.0f} s for {asked}: the {len(nodes)} "
        f"node(s) {where[demand.placement]} have {_amounts(have)} in all, others' work included; "
        f"ask for less ({also}workers.cpus, gpus, resources, num), or add nodes"
    )


def _amounts(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in amounts.items()) or "nothing of it"


def _selectors(placement: str) -> dict[str, str]:
    """Ray's label selector of the nodes on which workers may run."""
    own = ray.get_runtime_context().get_node_id()
    return {"any": {}, "colocated": {NODE_ID: own}, "apart": {NODE_ID: f"!{own}"}}[placement]
