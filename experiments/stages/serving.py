"""Policies of one seed, loaded and served: the models that train in this process, and the workers that roll out."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from envs.environment import Environment
from envs.types import EnvSpec
from experiments.config.sections import ModelSection, Shared, WorkersSection
from experiments.run.display import Display
from experiments.run.errors import UserError
from experiments.stages.luggage.gathering import gather, relative
from policies.causal import CausalPolicy, load_policy
from policies.pretrained.prompting import with_template_settings
from policies.tiny import TinyConfig, build_tiny
from rl.rollouts.wait import run_shards
from rl.types import Group
from rl.workers import NoRoomError, PolicySpec, Shard, ShardResult, Workers, WorkerSpec, make_workers
from rl.workers.cluster import cluster_address, start_ray, stop_ray
from rl.workers.inline import thread_stacks
from rl.workers.nodes.demand import Demand

FIRST_VERSION = 1 << 32  # of weights published outside a training loop: never the version of an update


class PolicyServer:
    """Loads policies as the config says, and has the rollout workers of a seed serve them.

    Args:
        shared: sections `policy`, `workers`, `imitation`.
        untrained_policy: folder of a policy of the start's shape, which workers load before they are given weights.
        is_stopped: whether a stop was requested.
    """

    def __init__(
        self,
        shared: Shared,
        seed: int,
        env_spec: EnvSpec,
        untrained_policy: Path,
        display: Display,
        is_stopped: Callable[[], bool],
    ) -> None:
        self.shared = shared
        self.seed = seed
        self.env_spec = env_spec
        self.untrained_policy = untrained_policy
        self.display = display
        self.is_stopped = is_stopped
        self._version = FIRST_VERSION
        self._workers: Workers | None = None
        self._architecture: Path | None = None  # folder that the workers loaded

    def untrained(self, section: ModelSection, env: Environment) -> CausalPolicy:
        """The policy before any training: a tiny one with random weights, or the model that the config names.

        Args:
            section: `policy`, or that of a student.
            env: gives a tiny one its vocabulary.
        """
        if section.tiny is not None:
            config = TinyConfig(**section.tiny.model_dump())
            policy = build_tiny(config, vocabulary=env.vocabulary(), seed=self.seed)
            policy.model.to(self.shared.policy.device)
            return policy
        assert section.path is not None
        policy = self.load(section.path, trainable=self.shared.imitation is not None)
        try:
            with_template_settings(policy.tokenizer, self.shared.policy.chat_template_kwargs)
        except ValueError as error:
            raise UserError(f"policy: {error}") from error
        return policy

    def load(self, path: str | Path, *, trainable: bool = False) -> CausalPolicy:
        """A policy from a folder or hub id, on the config's device: float32 to be trained, else of the config's dtype.

        Raises:
            UserError: it cannot be loaded.
        """
        section = self.shared.policy
        lora = {"r": section.lora_rank} if trainable and section.lora_rank else None
        try:
            return load_policy(
                path,
                dtype="float32" if trainable else section.dtype,
                device=section.device,
                trust_remote_code=section.trust_remote_code,
                lora=lora,
                seed=self.seed,
            )
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"policy: cannot load {str(path)!r} as a Hugging Face causal LM: {reason}") from error

    def workers(self, architecture: Path | None = None) -> Workers:
        """The rollout workers of this seed, made on first use.

        One pool is alive at a time: asking for another architecture ends the workers of the last one.

        Args:
            architecture: folder of a policy of the shape that will be published; None: the start's.
        """
        folder = (architecture or self.untrained_policy).resolve()
        if self._workers is not None and self._architecture != folder:
            self.close()
        if self._workers is None:
            section = self.shared.workers
            settings = ray_settings(section) if section.executor == "ray" else {}
            try:
                self._workers = make_workers(section.executor, self._spec(folder), section.num, **settings)
            except ConnectionError as error:
                raise UserError(f"workers.address: {error}") from error
            except NoRoomError as error:
                raise UserError(f"workers: {error}") from error
            self._architecture = folder
        return self._workers

    def _spec(self, folder: Path) -> WorkerSpec:
        section, policy = self.shared.workers, self.shared.policy
        return WorkerSpec(
            policy=PolicySpec(
                folder=str(folder),
                dtype=policy.dtype,
                device=policy.device,
                trust_remote_code=policy.trust_remote_code,
            ),
            env=relative(self.env_spec) if self.shared.workers.executor == "ray" else self.env_spec,
            seed=self.seed,
            threads=section.threads,
            backend=section.backend,
            deadline_seconds=section.deadline_seconds,
            memory_bytes=section.memory_megabytes << 20,
        )

    def serve(self, policy: CausalPolicy, architecture: Path | None = None) -> tuple[Workers, int]:
        """Workers that serve this policy's weights, and the fresh version under which they do."""
        return self.serve_weights(policy.weights(), architecture)

    def serve_weights(self, weights: Mapping[str, Tensor], architecture: Path | None = None) -> tuple[Workers, int]:
        """The same for weights alone."""
        workers = self.workers(architecture)
        self._version += 1
        workers.publish(weights, self._version)
        return workers, self._version

    def collect(self, workers: Workers, shards: Sequence[Shard], stage: str, note: str) -> list[Group]:
        """The groups of the shards in their order; the display says of how many problems they are there."""
        total, done = sum(len(shard.problems) for shard in shards), 0

        def show(result: ShardResult) -> None:
            """Counts the problems of a shard that came back."""
            nonlocal done
            done += len(result.groups)
            self.display.progress(stage, done, total, note)

        return run_shards(workers, shards, on_result=show, is_stopped=self.is_stopped)

    def stacks(self) -> str:
        """What every thread of this process, and every rollout worker, is doing."""
        theirs = [self._workers.stacks()] if self._workers and self.shared.workers.executor != "inline" else []
        return "\n".join([thread_stacks(), *theirs])

    def close(self) -> None:
        """Ends the workers."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None


def ray_settings(section: WorkersSection) -> dict[str, Any]:
    """What workers ask Ray for, as `rl.workers.ray.RayWorkers` takes it."""
    return {
        "address": section.address,
        "cpus_per_worker": section.cpus,
        "gpus_per_worker": section.gpus,
        "resources_per_worker": section.resources,
        "placement": section.placement,
    }


def start_executor(shared: Shared) -> None:
    """Starts a local Ray in the background, so that it is up when the first rollouts are wanted, or joins a cluster.

    Raises:
        UserError: no cluster answers, it has no room for the workers, or the files that the config names are too large
            to travel.
    """
    if shared.workers.executor != "ray":
        return
    address = shared.workers.address
    if cluster_address(address) is not None:
        join_cluster(shared)
        return

    def start() -> None:
        """Starts it; a failure is met again, and told, by whoever makes the workers."""
        with contextlib.suppress(RuntimeError):  # told when the workers are made, in the main thread
            start_ray(address)

    threading.Thread(target=start, name="start-ray", daemon=True).start()


def join_cluster(shared: Shared, *, seeds: int = 0) -> None:
    """Joins the cluster that the config or RAY_ADDRESS names, with the files that the environment's settings name.

    Args:
        seeds: of a study that run there at a time; 0: this process has the workers.
    Raises:
        UserError: no cluster answers, it has no room for the workers, or the files are too large to travel.
    """
    files = None
    try:
        files = gather(shared.env)
        start_ray(shared.workers.address, files=files)
        _check_room(shared, seeds)
    except ConnectionError as error:
        raise UserError(f"workers.address: {error}") from error
    except NoRoomError as error:
        raise UserError(f"workers: {error}") from error
    except ValueError as error:
        raise UserError(str(error)) from error
    finally:
        if files is not None:
            shutil.rmtree(files)  # Ray has its own copy now


def _check_room(shared: Shared, seeds: int) -> None:
    """Looks for the room that workers will ask for once the first policy is there, which may be hours later."""
    from rl.workers.nodes.placement import check_room, check_room_for_seeds  # ray

    section = shared.workers
    cpus = float(section.threads) if section.cpus is None else section.cpus
    demand = Demand(cpus, section.gpus, section.resources, section.placement)
    if seeds == 0:
        check_room(demand, section.num)
        return
    num = section.num if section.executor == "ray" else 0
    check_room_for_seeds(seed_demand(shared), seeds, demand, num)


def seed_demand(shared: Shared) -> Demand:
    """What a seed that runs on a cluster asks for."""
    return Demand(float(shared.threads), 1.0 if shared.policy.device.startswith("cuda") else 0.0)


def stop_executor(shared: Shared) -> None:
    """Ends a Ray that the study started, or leaves the cluster."""
    if shared.workers.executor == "ray":
        stop_ray()
