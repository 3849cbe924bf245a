"""`beyond label`: people choose the better of two completions of a study; their answers are labels for RLHF."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from experiments.label.pairs import Answers, logged_step, pairs_of
from experiments.label.uncertain import kept_order, reward_model_folder, uncertainties
from experiments.run.errors import UserError
from experiments.run.stop import ends_at_once
from rl.preference.labels.comparisons import Pair
from rl.rollouts.log import DamagedLogError, RolloutLog


class Choose(StrEnum):
    """In which order pairs are asked."""

    RANDOM = "random"
    UNCERTAIN = "uncertain"


def label(
    study: Annotated[Path, typer.Argument(help="Folder of a study with rollouts.")],
    annotator: Annotated[str, typer.Option(help="Who answers; names the files.")] = "me",
    arm: Annotated[str, typer.Option(help="Whose completions; the first step of an RL arm is the SFT policy.")] = "rl",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the study.")] = 0,
    step: Annotated[int | None, typer.Option(min=0, help="Step of the rollouts; default: the last.")] = None,
    num: Annotated[int, typer.Option("--pairs", "-n", min=1, help="How many pairs at most.")] = 300,
    choose: Annotated[
        Choose,
        typer.Option(help="uncertain: first the pairs that the study's reward model is least sure of."),
    ] = Choose.RANDOM,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0: any that is free.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the answers; default: STUDY/labels.")
    ] = None,
) -> None:
    """Let a person choose the better of two completions, in a browser.

    Keys 1 and 2 choose, 0 is a tie, u takes the latest answer back.
    Answers are kept as they are given; called again, the page goes on where it stopped. The file ANNOTATOR.jsonl is
    what `preference: {comparisons: ...}` of a config reads.
    """
    if not (study / "config.yaml").exists():
        raise UserError(f"{study} holds no study (no config.yaml); expected a folder such as runs/demo")
    log = RolloutLog(study / f"seed-{seed}" / arm / "rollouts")
    if not log.steps():
        raise UserError(f"{log.folder} holds no rollouts; {_with_rollouts(study)}")
    folder = output or study / "labels"
    try:
        step = logged_step(log, step)
        if choose is Choose.UNCERTAIN:
            pairs = _uncertain_first(pairs_of(log, step, num=None, seed=seed), study, arm, seed, step, folder)[:num]
        else:
            pairs = pairs_of(log, step, num=num, seed=seed)
        answers = Answers(folder, annotator, pairs)
    except (ValueError, DamagedLogError) as error:
        raise UserError(str(error)) from error
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise UserError("the page needs the extra `view`: run pip install -e '.[view]' in this project's folder")
    if len(pairs) < num:
        print(f"{len(pairs)} pairs: this step has no more; --step 0, or another --arm, has others")
    from experiments.label.server import LabelPage, serve  # starlette and uvicorn come with the extra

    try:
        serve(LabelPage(answers, _others(folder, answers)), port=port, say=print)
    except OSError as error:
        raise UserError(f"port {port}: {error.strerror}; choose another --port, or 0 for any") from error


def _uncertain_first(pairs: Sequence[Pair], study: Path, arm: str, seed: int, step: int, folder: Path) -> list[Pair]:
    """All pairs, those first of which the reward model is least sure; the folder of the answers keeps the order."""
    model = reward_model_folder(study, arm, seed)

    def value(asked: Sequence[Pair]) -> list[float]:
        with ends_at_once():
            from rl.preference.models.reward_model import load_reward  # trl

            return uncertainties(load_reward(model), asked)

    return kept_order(folder / f"uncertain-{arm.replace('/', '-')}-seed-{seed}-step-{step}.json", pairs, value)


def _with_rollouts(study: Path) -> str:
    """Which arms and seeds can be named."""
    found = sorted({path.parent.relative_to(study) for path in study.glob("seed-*/**/rollouts")})
    if not found:
        return "this study has none yet: arms that sample write them while they train"
    arms = sorted({"/".join(path.parts[1:]) for path in found})
    seeds = sorted({int(path.parts[0].removeprefix("seed-")) for path in found})
    return f"--arm can be {', '.join(arms)}; --seed {', '.join(map(str, seeds))}"


def _others(folder: Path, answers: Answers) -> list[Answers]:
    """Annotators of the folder who answered the same pairs."""
    found = []
    for path in sorted(folder.glob("*.answers.jsonl")):
        name = path.name.removesuffix(".answers.jsonl")
        if name != answers.name:
            try:
                found.append(Answers(folder, name, answers.pairs))
            except ValueError:
                continue  # of other pairs: nothing to compare
    return found
