"""The stages of one seed of a study, each done once.

seed-S/sft           demonstrator, imitation, the policy that every arm starts from
seed-S/preferences   labelled pairs and the reward model, when an arm needs them (preferences-ARM: an arm's own)
seed-S/<arm>         training and evaluation of an arm
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from envs.types import Problem
from experiments.arms import Method, methods_of_study
from experiments.collector import release_memory
from experiments.config.arms.base import START
from experiments.config.arms.kinds import RlArm
from experiments.config.experiment import Experiment
from experiments.config.labels import PREFERENCES, labels_of_arms
from experiments.run.display import Display
from experiments.run.evaluations import final_evaluations, forget_final_evaluation
from experiments.run.folders import RunFolder
from experiments.run.manifest import MANIFEST, artefact_digest, seal, verify, verify_figures
from experiments.run.recording import RunRecorder
from experiments.run.status import StageStatus
from experiments.run.stop import Stop
from experiments.run.trackers import StageTrackers, TrackedStage
from experiments.stages.evaluation import TEST_SAMPLES, Evaluator
from experiments.stages.preferences import Preferences
from experiments.stages.seed_folders import SeedFolders
from experiments.stages.services import Services
from experiments.stages.serving import PolicyServer
from experiments.stages.sft import make_start
from experiments.stages.training import ArmRun
from experiments.study.before.lengths import fitted_env
from experiments.study.endings import StudyInterrupted
from experiments.study.identity import stage_identity
from rl.learning.random_state import seed_global_generators
from rl.rollouts.wait import WaitStopped

TEST = "test"  # folder of a stage's test


@dataclass(frozen=True)
class SeedStages:
    """The stages of a seed, run one after the other.

    Attributes:
        on_stage: told the row of study.json about each stage once it is done.
        before: what a stage took when it was run before a resume: `seconds`, `cpu_seconds`.
    """

    experiment: Experiment
    services: Services
    display: Display
    stop: Stop
    on_stage: Callable[[dict[str, Any]], None]
    before: Callable[[int, str], dict[str, float]]

    def run(self) -> None:
        """Start, preferences where an arm needs them, and every arm with its test."""
        folders, evaluator = self.services.folders, self.services.evaluator
        start = folders.start
        identity = stage_identity(self.experiment, self.services.seed, START)
        make = partial(make_start, self.experiment, self.services, identity=identity)
        self._stage(START, start, make, parents=())
        self._test(START, start, partial(evaluator.run_test, START, start))
        self._run_preferences()
        for name, method in methods_of_study(self.experiment).items():
            folder = folders.stage(name)
            self._stage(name, folder, partial(self._run_arm, method, folder), parents=self._parents(name))
            self._test(name, folder, partial(method.test, folder, self.services))
            for part, further in method.further_policies(folder).items():
                label = f"{name}/{part}"
                self._test(label, further, partial(evaluator.run_test, label, further))

    def _run_preferences(self) -> None:
        """Labels and reward models, each once however many arms learn from them."""
        done: set[Path] = set()
        for name, arm in self.experiment.arms.items():
            if not arm.uses_comparisons:
                continue
            preferences = self.services.preferences[name]
            folder, model = RunFolder(preferences.folder), RunFolder(preferences.reward_model)
            if folder.path not in done:
                done.add(folder.path)
                self._stage(folder.path.name, folder, partial(_collect, preferences))
            if arm.uses_reward_model and model.path not in done:
                done.add(model.path)
                label = "" if folder.path.name == PREFERENCES else f"{folder.path.name}/"
                stage, parents = f"{label}{model.path.name}", (START, folder.path.name)
                fit = partial(preferences.fit_reward_model, identity=self._maker(stage, parents))
                self._stage(stage, model, fit, parents=parents)

    def _parents(self, name: str) -> tuple[str, ...]:
        """Folders whose artefacts an arm reads."""
        arm, root = self.experiment.arms[name], self.services.folders.root
        found = [START, *arm.builds_on]
        if arm.uses_comparisons:
            preferences = self.services.preferences[name]
            read = [preferences.folder, *([preferences.reward_model] if arm.uses_reward_model else [])]
            found += [str(path.relative_to(root)) for path in read]
        return tuple(found)

    def _run_arm(self, method: Method[Any], folder: RunFolder, recorder: RunRecorder) -> bool:
        run = ArmRun(
            folder=folder,
            recorder=recorder,
            rl=method.rl,
            stage=method.name,
            seed=self.services.seed,
            identity=self._maker(method.name, self._parents(method.name)),
            own_metrics=self.experiment.metrics,
            target_kl=kl_of_verified_arm(self.experiment, self.services.folders),
        )
        return method.run(run, self.services)

    def _maker(self, stage: str, parents: Sequence[str]) -> dict[str, Any]:
        """Whose checkpoints those of a stage are: its identity, and the artefacts that it learns from."""
        identity = stage_identity(self.experiment, self.services.seed, stage)
        return {**identity, "parents": self._digests(parents)}

    def _digests(self, parents: Sequence[str]) -> dict[str, str]:
        """Folder -> digest of what its stage wrote."""
        return {parent: artefact_digest(self.services.folders.root / parent) for parent in parents}

    def _test(self, name: str, folder: RunFolder, work: Callable[[], None]) -> None:
        """The frozen test problems, once."""

        def test(_: RunRecorder) -> None:
            """Takes the place of a test that was not finished, or whose policy was made again."""
            forget_final_evaluation(folder.path, name)
            work()

        self._stage(f"test {name}", RunFolder(folder.path / TEST), test, logs=folder, sealed=folder)

    def _stage(
        self,
        name: str,
        folder: RunFolder,
        work: Callable[[RunRecorder], bool | None],
        *,
        logs: RunFolder | None = None,
        sealed: RunFolder | None = None,
        parents: Sequence[str] = (START,),
    ) -> None:
        """Runs a stage that is not done yet; of one that is done, compares what it wrote with its checksums.

        Args:
            work: returns False when it was interrupted.
            logs: where its metrics and warnings go; None: into its folder.
            sealed: the folder that its results belong to, where another stage made it; None: its own.
            parents: folders of this seed whose artefacts it reads.
        Raises:
            DamagedArtefactError: a done stage, or one that it reads, was changed since.
        """
        seed = self.services.seed
        identity = stage_identity(self.experiment, seed, name)
        digests = self._digests(parents)
        study = self.services.folders.root.parent
        row = {"seed": seed, "stage": name, "folder": str(folder.path.relative_to(study))}
        if folder.is_done:
            if sealed is None:
                verify(folder.path, identity, digests)
            else:
                verify_figures(sealed.path)
            before = self.before(seed, name)
            self.display.skip(name, float(before.get("seconds", 0.0)))
            self.on_stage({**row, **before})
            return
        if self.stop.requested:
            raise StudyInterrupted
        if sealed is None:
            for file in (MANIFEST, TEST_SAMPLES):  # of a stage whose status somebody removed
                (folder.path / file).unlink(missing_ok=True)
            shutil.rmtree(folder.path / TEST, ignore_errors=True)  # its policy is tested again
        self.display.begin(name)
        began, worked = time.time(), time.process_time()
        status = StageStatus(
            folder.path,
            on_quiet=lambda message: self.display.warn(name, message),
            stacks=self.services.server.stacks,
        )
        recorder = RunRecorder(
            logs or folder,
            self.display,
            self.stop,
            on_progress=status.progress,
            on_doing=status.doing,
            trackers=self._trackers(name, logs or folder),
        )
        seed_global_generators(seed, name)
        with status:
            try:
                finished = work(recorder) is not False
            except WaitStopped:
                status.end("interrupted")
                raise StudyInterrupted from None
            except BaseException:  # told by whoever catches it; the status file says so at once
                status.end("failed")
                raise
            recorder.close()
            if finished:
                if sealed is None:
                    seal(folder.path, identity, digests)
                else:  # a test: in the manifest of the policy that it tested
                    seal(sealed.path, {**identity, "stage": name.removeprefix("test ")})
            status.end("done" if finished else "interrupted")
        release_memory()
        if not finished:
            raise StudyInterrupted
        self.display.end(name, f"seed {seed}" if len(self.experiment.seeds) > 1 else "")
        self.on_stage({**row, "seconds": time.time() - began, "cpu_seconds": time.process_time() - worked})

    def _trackers(self, name: str, folder: RunFolder) -> StageTrackers:
        """Those that the config names, told of a stage's metrics and of nothing else."""

        def run(first_step: int) -> TrackedStage:
            """The stage, at its first metrics."""
            config = self.experiment.model_dump(mode="json")
            study = self.experiment.name
            return TrackedStage(study, self.services.seed, name, folder.path, config, first_step)

        return StageTrackers(self.experiment.trackers, run, lambda message: self.display.warn(name, message))


def planned_stages(experiment: Experiment) -> list[str]:
    """Names of a seed's stages in their order, as far as they are known before: tests of earlier policies are not."""
    found = [START, f"test {START}"]
    labels = labels_of_arms(experiment, experiment.arms)
    for name, arm in experiment.arms.items():
        if arm.uses_comparisons:
            pairs, model = labels[name].pairs, Path(labels[name].reward_model).name
            found.append(pairs)
            if arm.uses_reward_model:
                found.append(model if pairs == PREFERENCES else f"{pairs}/{model}")
    arms = [stage for name in experiment.arms for stage in (name, f"test {name}")]
    return list(dict.fromkeys([*found, *arms]))


def _collect(preferences: Preferences, _: RunRecorder) -> None:
    preferences.collect()


def make_services(
    experiment: Experiment,
    seed: int,
    root: Path,
    test: Sequence[Problem],
    validation: Sequence[Problem],
    display: Display,
    stop: Stop,
) -> Services:
    """What the stages of a seed share.

    Args:
        root: folder of the seed.
        test, validation: frozen problems.
    """
    env_spec, env = fitted_env(experiment)
    folders = SeedFolders(root)
    server = PolicyServer(experiment, seed, env_spec, folders.untrained_policy, display, lambda: stop.requested)
    return Services(
        shared=experiment,
        seed=seed,
        env=env,
        folders=folders,
        server=server,
        evaluator=Evaluator(experiment.evaluation, test, validation, server, folders),
        preferences={
            name: Preferences(
                section=labels.section,
                folder=root / labels.pairs,
                reward_model=root / labels.reward_model,
                shared=experiment,
                seed=seed,
                env_spec=env_spec,
                env=env,
                server=server,
                start_policy=folders.start_policy,
            )
            for name, labels in labels_of_arms(experiment, experiment.arms).items()
        },
        display=display,
    )


def kl_of_verified_arm(experiment: Experiment, folders: SeedFolders) -> float | None:
    """How far the first tested arm that was rewarded by the verifier alone ended from the start; None without one."""
    for name, arm in experiment.arms.items():
        if isinstance(arm, RlArm) and arm.reward.name == "verifier":
            tests: Sequence[Mapping[str, Any]] = final_evaluations(folders.root / name)
            if tests and tests[-1].get("kl") is not None:
                return float(tests[-1]["kl"])
    return None
