"""A study: per seed one shared start, every arm from it, the same frozen test for all.

Each stage (`seed.py`) is done once: a resumed study goes on where it stopped. What each came to is in study.json.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envs.procedural.tool_use import sandbox_of
from experiments.config.arms.base import START
from experiments.config.components import build_env
from experiments.config.experiment import Experiment
from experiments.config.loading import load_resolved, to_yaml
from experiments.config.own_code import own_code
from experiments.config.renamed import check_folder_names
from experiments.hypotheses.keeping import keep_hypotheses
from experiments.report import write_report
from experiments.results.tables import print_study
from experiments.run.display import Display
from experiments.run.errors import UserError
from experiments.run.folders import check_folder, make_folder
from experiments.run.lock import FolderLock, check_unlocked
from experiments.run.sealed import digest_of_file, digest_of_text, read_sealed, write_sealed
from experiments.run.stop import Stop, StopSwitch
from experiments.stages.problems import final_problems, save_problems, validation_problems
from experiments.stages.prompting import with_prompts
from experiments.stages.serving import start_executor, stop_executor
from experiments.stages.sft import validation_single_steps
from experiments.study.before.lengths import check_lengths, fitted_env
from experiments.study.before.rehearsal import rehearse
from experiments.study.endings import told_ends
from experiments.study.extension import Extension
from experiments.study.parallel.jobs import Job, Rows, run_seed
from experiments.study.parallel.running import Running, launcher, run_jobs
from experiments.study.plan import check_components
from experiments.study.provenance import read_or_none, write_provenance
from experiments.study.seed import planned_stages
from experiments.study.starts import take_arms, take_starts, why_not
from policies.causal import check_device
from rl.files import write_whole
from verifiers.watching import CHECKING, RUNNING, tell_phase


@dataclass
class Study:
    """A study in progress."""

    experiment: Experiment
    folder: Path
    display: Display
    stop: Stop
    parallel: int = 1  # seeds at a time
    stages: list[dict[str, Any]] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    levels: dict[str, list[int]] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)  # study.json as a resume finds it

    def run(self) -> None:
        """All stages of all seeds."""
        section = self.experiment.evaluation
        env = fitted_env(self.experiment)[1]
        self.levels.update(trained=list(env.levels), beyond=list(env.ood_levels))
        test, validation = final_problems(env, section), validation_problems(env, section)
        self.hashes.update(
            (name, save_problems(self.folder / "problems", name, problems))
            for name, problems in (("test", test), ("validation", validation))
        )
        if min(self.parallel, len(self.experiment.seeds)) > 1:
            self._run_side_by_side()
            return
        start_executor(self.experiment)
        try:
            self.display.study(self.experiment.name, planned_stages(self.experiment), self.experiment.seeds)
            for seed in self.experiment.seeds:
                self.display.seed(seed)
                run_seed(
                    self.experiment,
                    seed,
                    self.folder,
                    (test, validation),
                    display=self.display,
                    stop=self.stop,
                    on_stage=self._note,
                    before=self.before.get("stages", []),
                )
        finally:
            stop_executor(self.experiment)

    def _run_side_by_side(self) -> None:
        """Every seed in a process of its own; study.json lists their stages in the order of the seeds."""
        seeds, before = self.experiment.seeds, tuple(self.before.get("stages", ()))
        jobs = [Job(str(self.folder.resolve()), seed, before) for seed in seeds]
        found: dict[int, Rows] = {}

        def note(job: Job, rows: Rows) -> None:
            """A seed is done."""
            found[job.seed] = rows
            self.stages[:] = [row for seed in seeds for row in found.get(seed, [])]
            self.write("running")
            self.display.end(job.label)

        def start(job: Job) -> Running:
            """A seed begins."""
            self.display.begin(job.label)
            return start_job(job)

        start_job = launcher(self.experiment, min(self.parallel, len(seeds)))
        try:
            run_jobs(jobs, self.parallel, start, self.stop, on_rows=note)
        finally:
            stop_executor(self.experiment)

    def _note(self, row: dict[str, Any]) -> None:
        """A stage is done."""
        self.stages.append(row)
        self.write("running")

    def write(self, state: str) -> None:
        """Writes study.json."""
        row = {
            "name": self.experiment.name,
            "state": state,
            "seeds": list(self.experiment.seeds),
            "arms": {name: arm.model_dump() for name, arm in self.experiment.arms.items()},
            "problems": self.hashes,
            "levels": self.levels,
            "stages": self.stages,
        }
        # a failure has its own error to tell, which one of the disk must not hide
        with contextlib.suppress(OSError) if state == "failed" else contextlib.nullcontext():
            row["config"] = digest_of_file(self.folder / "config.yaml")
            row["provenance"] = digest_of_file(self.folder / "provenance.json")
            write_sealed(self.folder / "study.json", row)


def run_study(
    experiment: Experiment,
    folder: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    display: Display | None = None,
    same_start: Path | None = None,
    hypotheses: str | None = None,
    parallel: int = 1,
    stop: Stop | None = None,
) -> Path:
    """Runs (or resumes) a study into `folder` and returns the path of its report.

    Args:
        parallel: seeds that run side by side, each in a process of its own.
        same_start: folder of a study whose starts are those of this one; they are taken over, not trained again.
        hypotheses: text of the file beside the config; kept in the folder as it is when the study begins.
        quiet: print the tables and nothing else.
        display: where progress is shown; None: the terminal.
        stop: says when to stop; None: SIGINT and SIGTERM do.
    Raises:
        UserError: the folder is in use, the config does not fit the one resumed, or a component cannot be built.
    """
    config_file = folder / "config.yaml"
    check_unlocked(folder)
    check_folder(folder, resume=resume)
    if resume and not config_file.exists():
        raise UserError(f"nothing to resume: {folder} holds no study (no config.yaml): choose another --output")
    check_folder_names(folder)
    experiment = with_prompts(experiment)
    resolved = to_yaml(experiment)
    before = (read_or_none(folder / "study.json") or {}) if resume else {}
    extension = None
    if before.get("config") == digest_of_text(resolved) != digest_of_file(config_file):
        print(f"warning: {config_file} is damaged; it is written anew", file=sys.stderr)
    elif resume and config_file.read_bytes() != resolved.encode():
        extension = Extension.between(folder, load_resolved(config_file), experiment)
        if extension is None:
            raise UserError(
                f"the config differs from {config_file} in more than rl.steps: resume with that file (beyond study "
                f"{config_file} --resume -o {folder}), or start a new folder"
            )
    if same_start is not None and (reason := why_not(experiment, same_start)) is not None:
        raise UserError(f"the starts of {same_start} cannot be taken over: {reason}")
    tell_phase(CHECKING)
    _check(experiment)  # before anything is written: after a mistake, or when killed here, the folder is still free
    tell_phase(RUNNING)
    make_folder(folder)
    with FolderLock(folder):
        check_folder(folder, resume=resume)  # once more: another process may have begun and ended meanwhile
        for leftover in folder.rglob(".*.tmp"):  # of a process that was killed while it wrote: the folder is ours now
            leftover.unlink()
        if extension is not None:
            print(extension.note(), file=sys.stderr)
            extension.apply()
        write_whole(config_file, resolved.encode())
        if same_start is not None:
            take_starts(experiment, same_start, folder)
            if taken := take_arms(experiment, same_start, folder):
                print(f"taken over from {same_start}: {', '.join(taken)}", file=sys.stderr)
                rows = read_sealed(same_start / "study.json", "stages")["stages"]
                before = before or {"stages": [row for row in rows if row["stage"] in (*taken, START)]}
        facts: dict[str, Any] = {"own_code": own_code(experiment.model_dump(mode="json"))}
        if hypotheses is not None:
            facts["hypotheses"] = keep_hypotheses(folder, hypotheses)
        if sandbox := sandbox_of(build_env(experiment.env)[1]):
            facts["sandbox"] = sandbox
            print(f"programs that a policy writes are run behind: {sandbox}", file=sys.stderr)
        write_provenance(folder / "provenance.json", facts)
        display = display or Display(quiet=quiet)
        with StopSwitch() if stop is None else contextlib.nullcontext(stop) as switch:
            study = Study(experiment, folder, display, switch, parallel, before=before)
            with told_ends(folder, study.write), display:
                study.run()
        study.write("done")
        report = write_report(folder)
        print_study(folder)
        print(f"report: {report}")
        return report


def _check(experiment: Experiment) -> None:
    """What `beyond check` does, and asks this machine for the device."""
    check_components(experiment)
    try:
        check_device(experiment.policy.device)
    except ValueError as error:
        raise UserError(f"policy.{error}") from error
    env = build_env(experiment.env)[1]
    if experiment.imitation is not None and experiment.imitation.step_accuracy:
        validation_single_steps(env)
    check_lengths(experiment)
    rehearse(experiment)
