"""The preference data of a seed: pairs of completions of the start, labelled, and the reward model fitted to them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envs.environment import Environment
from envs.graders import EnvGrader
from envs.types import EnvSpec, Problem
from experiments.config.components import build, sampling_of
from experiments.config.sections import PreferenceSection, RLSection, Shared
from experiments.run.errors import UserError
from experiments.run.folders import read_json, write_json
from experiments.run.recording import RunRecorder
from experiments.stages.serving import PolicyServer
from rl.preference.labels.annotators import Annotator, make_annotator
from rl.preference.labels.comparisons import (
    PairSelector,
    card_of_labels,
    collect_comparisons,
    load_comparisons,
    make_selector,
    save_comparisons,
)
from rl.preference.models.reward_model import RewardModelSettings, fit_reward_model
from rl.rollouts.shards import make_shards
from rl.types import Comparison, Group
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Verdict

COLLECTION_STEP = 1 << 27  # step number of the collection in rollout uids: no training step reaches it
NORMALISING_COMPLETIONS = 1000  # of the start: proxies have mean 0 and standard deviation 1 on them
PROBLEM_OFFSET = 50_000_000  # first problem index: no training prompt is one of these
PART_PROBLEMS = 1_000_000  # problem indices that each part of a collection may use


@dataclass(frozen=True)
class Preferences:
    """Samples pairs of completions, has them labelled, and fits the reward model to the labels.

    Attributes:
        section: who labels what, as the arms see it whose labels these are.
        folder: of the labelled pairs.
        reward_model: folder of the model fitted to them.
    """

    section: PreferenceSection
    folder: Path
    reward_model: Path
    shared: Shared
    seed: int
    env_spec: EnvSpec
    env: Environment
    server: PolicyServer
    start_policy: Path

    def collect(self) -> None:
        """Samples the start on training prompts, labels pairs, writes comparisons.jsonl and label_report.json."""
        section = self.section
        if section.comparisons is not None:
            self._take_recorded(Path(section.comparisons))
            return
        groups = self.sample_start(section.num_pairs, self.shared.rl, "preferences")
        rng = random.Random(f"preferences {self.seed}")
        comparisons, card = collect_comparisons(
            groups,
            self.annotator(),
            section.num_pairs,
            rng,
            selector=self.selector(),
            max_per_problem=pairs_per_problem(self.shared.rl),
        )
        if not comparisons:
            raise UserError(
                f"preferences: all {card.num_judgements} answers of {card.annotator} are ties: nothing to learn from; "
                "raise preference.num_pairs, or begin from a start that solves some problems"
            )
        save_comparisons(comparisons, self.folder / "comparisons.jsonl")
        self._write_start(groups)
        write_json(self.folder / "label_report.json", {**card.to_json(), "tokens_sampled": _num_tokens(groups)})

    def annotator(self) -> Annotator:
        """Who labels."""
        return build("preference.annotator", self.section.annotator, make_annotator)

    def selector(self) -> PairSelector:
        """Which pairs are shown."""
        return build("preference.selector", self.section.selector, make_selector)

    def sample_start(self, num_pairs: int, rl: RLSection, stage: str) -> list[Group]:
        """Groups of completions of the start: as many as hold the label budget, on prompts of all training levels."""
        return self.sample_pairs(self.start_policy, num_pairs, rl, stage)

    def sample_pairs(self, policy: Path, num_pairs: int, rl: RLSection, stage: str, *, part: int = -1) -> list[Group]:
        """Groups of completions of a saved policy for `num_pairs` pairs.

        Args:
            rl: group size and sampling, those of the arm that asks.
            stage: under which the display shows it.
            part: of a collection in several; each has problems of its own. -1: the one that all offline arms share.
        """
        per_problem = pairs_per_problem(rl)
        first = PROBLEM_OFFSET + (part + 1) * PART_PROBLEMS
        problems = [self.env.problem(first + i, seed=self.seed) for i in range(-(-num_pairs // per_problem))]
        workers, version = self.server.serve(self.server.load(policy))
        shards = make_shards(
            problems,
            group_size=2 * per_problem,
            step=COLLECTION_STEP + part + 1,
            shard_size=self.shared.workers.shard_size,
            sampling=sampling_of(rl.sampling),
            version=version,
        )
        return self.server.collect(workers, shards, stage, "sampling pairs")

    def comparisons(self) -> list[Comparison]:
        """The labelled comparisons of this seed."""
        return load_comparisons(self.folder / "comparisons.jsonl")

    def fit_reward_model(self, recorder: RunRecorder, identity: Mapping[str, Any]) -> bool:
        """Fits the Bradley-Terry reward model (or ensemble) into its folder; False when interrupted.

        Args:
            identity: of the stage, which checkpoints of the fit must have.
        """
        return self._fit(self.comparisons(), self.reward_model, recorder, identity)

    def _fit(
        self, comparisons: Sequence[Comparison], folder: Path, recorder: RunRecorder, identity: Mapping[str, Any]
    ) -> bool:
        start = read_json(self.folder / "start_completions.json")
        try:
            card = fit_reward_model(
                self.start_policy,
                comparisons,
                RewardModelSettings(
                    **self.section.reward_model.model_dump(), seed=self.seed, autocast=self.shared.rl.autocast
                ),
                folder,
                recorder,
                start_completions=[(tuple(prompt), tuple(completion)) for prompt, completion in start],
                identity=identity,
            )
        except ValueError as error:  # too few labels, more layers than there are, a model that tells nothing apart
            raise UserError(f"preference.reward_model: {error}") from error
        return not card.interrupted

    def refit(
        self,
        folder: Path,
        policy: Path,
        rl: RLSection,
        recorder: RunRecorder,
        *,
        part: int,
        identity: Mapping[str, Any],
    ) -> bool:
        """Labels fresh pairs of a policy and fits the reward model to all labels there are; False when it was stopped.

        Gao et al. 2022, arXiv:2210.10760, section 4.3: a proxy is refreshed on what the policy writes by now. What was
        bought before an interruption is not bought again.

        Args:
            folder: of the arm; round k goes into refit-k.
            policy: folder of the policy as it is.
            part: k, from 1.
            identity: of the arm.
        """
        here = refit_folder(folder, part)
        if not (here / "label_report.json").exists():
            groups = self.sample_pairs(policy, self.section.num_pairs, rl, "preferences", part=part)
            comparisons, card = collect_comparisons(
                groups,
                self.annotator(),
                self.section.num_pairs,
                random.Random(f"refit {self.seed} {part}"),
                selector=self.selector(),
                max_per_problem=pairs_per_problem(rl),
            )
            here.mkdir(parents=True, exist_ok=True)
            save_comparisons(comparisons, here / "comparisons.jsonl")
            write_json(here / "label_report.json", {**card.to_json(), "tokens_sampled": _num_tokens(groups)})
        rounds = [refit_folder(folder, k) / "comparisons.jsonl" for k in range(1, part + 1)]
        labels = [*self.comparisons(), *(c for path in rounds for c in load_comparisons(path))]
        return self._fit(labels, here / "reward_model", recorder, {**identity, "refit": part})

    def _take_recorded(self, path: Path) -> None:
        """Labels that somebody recorded: graded by the environment, so that the card can say what they reward."""
        comparisons = read_recorded(path)
        asked = [(c.problem, text) for c in comparisons for text in (c.chosen, c.rejected)]
        deadline = self.shared.workers.deadline_seconds
        grader = EnvGrader(self.env_spec, salt=f"run {self.seed}")
        with VerifierPool(grader, workers=1, deadline_seconds=deadline) as pool:
            verdicts = dict(zip(((p.id, text) for p, text in asked), pool.grade(asked)))

        def grade(problem: Problem, text: str) -> Verdict:
            """The verdict that the pool gave already."""
            return verdicts[problem.id, text]

        graded = []
        for c in comparisons:
            sides = (grade(c.problem, c.chosen).is_correct, grade(c.problem, c.rejected).is_correct)
            graded.append(replace(c, agrees_with_gold=None if sides[0] == sides[1] else sides[0]))
        folder = self.folder
        save_comparisons(graded, folder / "comparisons.jsonl")
        groups = self.sample_start(NORMALISING_COMPLETIONS // 2, self.shared.rl, "preferences")
        self._write_start(groups)
        card = card_of_labels(graded, grade)
        write_json(folder / "label_report.json", {**card.to_json(), "tokens_sampled": _num_tokens(groups)})

    def _write_start(self, groups: Sequence[Group]) -> None:
        rows = [t for group in groups for t in group.trajectories][:NORMALISING_COMPLETIONS]
        start = [[t.prompt_tokens, t.completion.tokens] for t in rows]
        write_json(self.folder / "start_completions.json", start)


def refit_folder(arm: Path, part: int) -> Path:
    """Where an arm's labels and reward model of round `part` lie; the first refit is 1."""
    return arm / f"refit-{part}"


def pairs_per_problem(section: RLSection) -> int:
    """Pairs that are compared of one problem at most: no completion is shown twice."""
    return max(1, section.group_size // 2)


def read_recorded(path: Path, where: str = "preference.comparisons") -> list[Comparison]:
    """Recorded labels.

    Args:
        where: the setting that names the file.
    Raises:
        UserError: no such file, a line that is no comparison, or none at all.
    """
    try:
        comparisons = load_comparisons(path)
    except OSError as error:
        raise UserError(f"{where}: {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    if not comparisons:
        raise UserError(f"{where}: {path} holds no comparison")
    return comparisons


def _num_tokens(groups: Sequence[Group]) -> int:
    return sum(t.num_sampled for group in groups for t in group.trajectories)
