"""Every policy's evaluation on the frozen problems: rows per problem in evals.jsonl."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from envs.types import Problem
from experiments.config.arms.base import START
from experiments.config.components import sampling_of
from experiments.config.sections import EvaluationSection
from experiments.run.evaluations import SUPPORT, record_evaluation
from experiments.run.folders import RunFolder, append_jsonl
from experiments.run.recording import sample_row
from experiments.stages.seed_folders import UNTRAINED, SeedFolders
from experiments.stages.serving import PolicyServer
from rl.records.distance import completion_logprobs, kl_from
from rl.records.evaluate import Evaluation, evaluate, solution_right
from rl.rollouts.shards import SHARD_PROBLEMS
from rl.types import Group
from rl.workers import Workers

TEST_SAMPLES = "test_samples.jsonl"
SAMPLES_PER_LEVEL = 3  # completions kept as text
USUAL_SAMPLES = 64  # per problem, up to which a unit of work has its usual number of problems

OnGroups = Callable[[Sequence[Group]], None]


@dataclass(frozen=True)
class Evaluator:
    """Has policies answer the frozen problems.

    Attributes:
        test, validation: the problems, the same for every arm and seed of the study.
    """

    section: EvaluationSection
    test: Sequence[Problem]
    validation: Sequence[Problem]
    server: PolicyServer
    folders: SeedFolders

    def run_test(self, name: str, folder: RunFolder) -> None:
        """Has a trained policy answer the test problems, and says how far it is from the start and what it costs."""
        policy = self.server.load(folder.policy)
        workers, version = self.server.serve(policy, architecture_of(folder))
        prompts: list[int] = []

        def look(groups: Sequence[Group]) -> None:
            """Notes the prompts' lengths, and keeps some greedy completions for the reader."""
            prompts.extend(len(group.trajectories[0].prompt_tokens) for group in groups[: len(self.test)])
            save_test_samples(folder.path, groups, len(self.test))
            if self.section.support_samples:
                self._save_support(folder.path, groups[: len(self.test)])

        found = evaluate(
            workers,
            self.test,
            num_samples=self.section.num_samples,
            min_per_level=self.section.min_per_level,
            sampling=sampling_of(self.section.sampling),
            shard_size=max(1, min(SHARD_PROBLEMS, SHARD_PROBLEMS * USUAL_SAMPLES // self.section.num_samples)),
            version=version,
            is_stopped=self.server.is_stopped,
            on_groups=look,
            on_progress=lambda done, asked: self.server.display.progress(f"test {name}", done, asked),
        )
        is_start = folder.path == self.folders.start.path
        facts = {
            "parameters": policy.num_parameters,
            "prompt_tokens": sum(prompts) / len(prompts),
            "tokens_per_answer": sum(row.mean_tokens for row in found.rows) / len(found.rows),
            "kl": None if is_start else self.distance_from_start(workers, version),
        }
        record_evaluation(folder.path, found, policy=name, split=self.section.split, facts=facts)

    def _save_support(self, folder: Path, groups: Sequence[Group]) -> None:
        """Writes support.jsonl: the first right solutions to every problem, with their log-probability under the start.

        Of equal texts all are kept: the policy's own samples are what the share of covered ones is an average over.
        """
        right = [
            replace(group, trajectories=tuple(found[: self.section.support_samples]))
            for group in groups
            if (found := [t for t in group.trajectories if solution_right(t)])
        ]
        temperature = self.section.sampling.temperature
        start = self.server.load(self.folders.start_policy)
        logprobs = completion_logprobs(start, right, temperature=temperature) if right else []
        problems = [group.problem for group in right for _ in group.trajectories]
        (folder / SUPPORT).unlink(missing_ok=True)
        append_jsonl(
            folder / SUPPORT,
            (
                {"id": problem.id, "level": problem.level, "start_logprob": logprob}
                for problem, logprob in zip(problems, logprobs, strict=True)
            ),
        )

    def distance_from_start(self, workers: Workers, version: int) -> float:
        """KL(served policy || start) on the validation problems, nats per completion: one measure for all arms."""
        seen: list[Group] = []
        self._sample_validation(workers, version, seen.extend)
        start = self.server.load(self.folders.start_policy)
        return kl_from(start, seen, temperature=self.section.sampling.temperature)

    def validate(
        self,
        folder: Path,
        name: str,
        step: int,
        version: int,
        *,
        workers: Workers | None = None,
        on_groups: OnGroups | None = None,
    ) -> dict[str, float]:
        """Evaluates the served policy on the validation problems during training, and returns the summary."""
        found = self._sample_validation(
            workers or self.server.workers(),
            version,
            on_groups,
            lambda done, asked: self.server.display.doing(name, f"evaluating: {done} of {asked} completions"),
        )
        record_evaluation(folder, found, policy=name, split="validation", step=step)
        return found.summary()

    def _sample_validation(
        self,
        workers: Workers,
        version: int,
        on_groups: OnGroups | None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Evaluation:
        """The served policy's samples of the validation problems; no greedy completions."""
        return evaluate(
            workers,
            self.validation,
            num_samples=self.section.validation_samples,
            sampling=sampling_of(self.section.sampling),
            include_greedy=False,
            version=version,
            is_stopped=self.server.is_stopped,
            on_groups=on_groups,
            on_progress=on_progress,
        )


def save_test_samples(folder: Path, groups: Sequence[Group], num_problems: int) -> None:
    """Writes test_samples.jsonl: the greedy completion of the first problems of every level, never hand-picked."""
    taken: dict[int, int] = {}
    rows = []
    for group in groups[-num_problems:]:  # the greedy completions come after the sampled ones
        level = group.problem.level
        taken[level] = taken.get(level, 0) + 1
        if taken[level] <= SAMPLES_PER_LEVEL:
            rows.append(sample_row(group.trajectories[0]))
    (folder / TEST_SAMPLES).unlink(missing_ok=True)
    append_jsonl(folder / TEST_SAMPLES, rows)


def architecture_of(folder: RunFolder) -> Path | None:
    """The folder that workers load before they serve the policy of an arm, or an earlier one kept within it.

    None: the policy has the start's shape.
    """
    candidates = (path / UNTRAINED for path in (folder.path, folder.path.parent))
    return next((path for path in candidates if path.is_dir() and path.parent.name != START), None)
