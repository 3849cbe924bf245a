"""One seed of a study: the objects that its stages share, built from the config once.

Components are resolved here, by name, so that a mistake in a config is told before anything is trained.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from envs.demonstrators.writers import make_demonstrator
from envs.registry import EnvSpec
from envs.types import Environment, Problem
from experiments.config.sections import Component, ModelSection, OptimizerSection, SamplingSection
from experiments.run.display import Display
from experiments.run.errors import UserError, did_you_mean, in_words
from experiments.run.folders import RunFolder
from experiments.run.recording import RunRecorder
from experiments.run.status import StageStatus
from experiments.run.stop import StopSwitch
from policies.causal import CausalPolicy, load_policy
from policies.types import Sampling
from rl.learning.optimizer import OptimizerSettings
from rl.rollouts.wait import run_shards
from rl.workers import PolicySpec, Shard, ShardResult, Workers, WorkerSpec, make_workers

if TYPE_CHECKING:
    from envs.demonstrators.base import Demonstrator
    from experiments.config.experiment import Experiment
    from rl.rollouts.stream import ProblemSource
    from rl.types import Group

T = TypeVar("T")
FIRST_VERSION = 1 << 32  # of weights published outside a training loop: never the version of an update


def build(what: str, component: Component, factory: Callable[..., T]) -> T:
    """`factory(name, **settings)`; a component that cannot be built is a user's mistake.

    Raises:
        UserError: unknown name or setting, or a value that the component refuses.
    """
    try:
        return factory(component.name, **component.settings)
    except (ValueError, TypeError, ArithmeticError, LookupError, OSError, ImportError) as error:
        raise UserError(f"{what}: {in_words(error)}") from error


def build_env(component: Component) -> tuple[EnvSpec, Environment]:
    """The environment and the spec that travels to workers."""
    from envs.registry import make, parse_reference

    env = build("env", component, make)
    return parse_reference(component.name, **component.settings), env


def build_demonstrator(env: Environment, settings: Mapping[str, Any]) -> Demonstrator:
    """The environment's demonstrator with the settings of `imitation.demonstrator`, or the writers that it names.

    Raises:
        UserError: it has no such setting, or refuses its value.
    """
    try:
        return make_demonstrator(env, **settings)
    except (TypeError, ValueError) as error:
        writer = env.demonstrator()
        writers = getattr(writer, "writers", {"": writer}).values()  # of a mixture: one for each part
        known = {name for each in writers for name in inspect.signature(type(each)).parameters} - {"env"}
        named = settings.get("writers")
        own = [entry for entry in named.values() if isinstance(entry, Mapping)] if isinstance(named, Mapping) else []
        given = [name for each in (settings, *own) for name in each]
        wrong = next((name for name in given if name not in known | {"parts", "writers", "share"}), None)
        hint = did_you_mean(wrong, known | {"writers"}) if wrong is not None else ""
        raise UserError(f"imitation.demonstrator: {in_words(error)}{hint}") from error


def sampling_of(section: SamplingSection) -> Sampling:
    """The policies' settings from the config's."""
    return Sampling(**section.model_dump())


def optimizer_of(section: OptimizerSection, total_steps: int) -> OptimizerSettings:
    """The learner's settings from the config's."""
    return OptimizerSettings(**section.model_dump(), total_steps=total_steps)


@dataclass
class SeedContext:
    """What the stages of one seed share.

    Attributes:
        root: folder of this seed; stage folders lie in it.
        test, validation: frozen problems, the same for every arm and seed of the study.
        status: of the stage that runs; None between stages.
    """

    experiment: Experiment
    seed: int
    root: Path
    test: list[Problem]
    validation: list[Problem]
    display: Display
    stop: StopSwitch
    status: StageStatus | None = None
    _version: int = FIRST_VERSION
    _workers: Workers | None = field(default=None, repr=False)
    _architecture: Path | None = None  # folder that the workers loaded

    @cached_property
    def env_spec(self) -> EnvSpec:
        """What workers build their environment from."""
        return build_env(self.experiment.env)[0]

    @cached_property
    def env(self) -> Environment:
        """The environment, in this process."""
        return build_env(self.experiment.env)[1]

    def folder(self, name: str) -> RunFolder:
        """The folder of a stage or arm of this seed."""
        return RunFolder(self.root / name)

    def recorder(self, folder: RunFolder) -> RunRecorder:
        """A recorder for a stage."""
        return RunRecorder(
            folder, self.display, self.stop, on_progress=self._progress, tensorboard=self.experiment.tensorboard
        )

    def stacks(self) -> str:
        """What every thread of this process, and every rollout worker, is doing."""
        from rl.workers.inline import thread_stacks

        theirs = [self._workers.stacks()] if self._workers and self.experiment.workers.executor != "inline" else []
        return "\n".join([thread_stacks(), *theirs])

    def _progress(self, done: int, total: int, note: str) -> None:
        if self.status is not None:
            self.status.progress(done, total, note)

    def initial_policy(self, section: ModelSection | None = None) -> CausalPolicy:
        """The policy before imitation: a tiny one from scratch, or the model that the config names.

        Args:
            section: of another policy than the start, such as a student.
        """
        section = section or self.experiment.policy
        if section.tiny is not None:
            from policies.tiny import TinyConfig, build_tiny

            config = TinyConfig(**section.tiny.model_dump())
            policy = build_tiny(config, vocabulary=self.env.vocabulary(), seed=self.seed)
            policy.model.to(self.experiment.policy.device)
            return policy
        assert section.path is not None
        return self.load(section.path, trainable=self.experiment.imitation is not None)

    def problem_source(self, name: str) -> ProblemSource:
        """The curriculum of an arm: the same problems for every arm that asks for as many in each step."""
        from rl.curriculum import make_curriculum

        curriculum = self.experiment.rl_of(name).curriculum
        return build("rl.curriculum", curriculum, lambda n, **s: make_curriculum(n, self.env, seed=self.seed, **s))

    def load(self, path: str | Path, *, trainable: bool = False) -> CausalPolicy:
        """A policy from a folder or hub id, on the config's device: float32 to be trained, else of the config's dtype.

        Raises:
            UserError: it cannot be loaded.
        """
        section = self.experiment.policy
        lora = {"r": section.lora_rank} if trainable and section.lora_rank else None
        try:
            return load_policy(
                path,
                dtype="float32" if trainable else section.dtype,
                device=section.device,
                trust_remote_code=section.trust_remote_code,
                lora=lora,
            )
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"policy: cannot load {str(path)!r} as a Hugging Face causal LM: {reason}") from error

    @property
    def start_policy(self) -> Path:
        """The folder of the policy that every arm starts from."""
        return self.root / "start" / "policy"

    @property
    def initial_folder(self) -> Path:
        """The folder that workers load; the weights of every stage are published to them."""
        return self.root / "start" / "initial"

    def workers(self, architecture: Path | None = None) -> Workers:
        """The rollout workers of this seed, made on first use.

        One pool is alive at a time: asking for another architecture ends the workers of the last one.

        Args:
            architecture: folder of a policy of the shape that will be published; None: the start's.
        """
        folder = (architecture or self.initial_folder).resolve()
        if self._workers is not None and self._architecture != folder:
            self.close()
        if self._workers is None:
            section = self.experiment.workers
            spec = WorkerSpec(
                policy=PolicySpec(
                    folder=str(folder),
                    dtype=self.experiment.policy.dtype,
                    device=self.experiment.policy.device,
                    trust_remote_code=self.experiment.policy.trust_remote_code,
                ),
                env=self.env_spec,
                seed=self.seed,
                threads=section.threads,
                backend=section.backend,
                deadline_seconds=section.deadline_seconds,
                memory_bytes=section.memory_megabytes << 20,
            )
            settings: dict[str, Any] = {"address": section.address} if section.executor == "ray" else {}
            try:
                self._workers = make_workers(section.executor, spec, section.num, **settings)
            except ConnectionError as error:
                raise UserError(f"workers.address: {error}") from error
            self._architecture = folder
        return self._workers

    def serve(self, policy: CausalPolicy, architecture: Path | None = None) -> tuple[Workers, int]:
        """Workers that serve these weights, and the fresh version under which they do."""
        workers = self.workers(architecture)
        self._version += 1
        workers.publish(policy.weights(), self._version)
        return workers, self._version

    def collect(self, workers: Workers, shards: Sequence[Shard], stage: str, note: str) -> list[Group]:
        """The groups of the shards in their order; the display says of how many problems they are there."""
        total, done = sum(len(shard.problems) for shard in shards), 0

        def show(result: ShardResult) -> None:
            """Counts the problems of a shard that came back."""
            nonlocal done
            done += len(result.groups)
            self.display.progress(stage, done, total, note)

        return run_shards(workers, shards, on_result=show)

    def close(self) -> None:
        """Ends the workers."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None


def start_executor(experiment: Experiment) -> None:
    """Starts a local Ray in the background, so that it is up when the first rollouts are wanted."""
    if experiment.workers.executor != "ray":
        return
    from rl.workers.cluster import start_ray

    def start() -> None:
        """Starts it; a failure is met again, and told, by whoever makes the workers."""
        with contextlib.suppress(ConnectionError, RuntimeError):  # told when the workers are made, in the main thread
            start_ray(experiment.workers.address)

    threading.Thread(target=start, name="start-ray", daemon=True).start()


def stop_executor(experiment: Experiment) -> None:
    """Ends a Ray that the study started, or leaves the cluster."""
    if experiment.workers.executor == "ray":
        from rl.workers.cluster import stop_ray

        stop_ray()
