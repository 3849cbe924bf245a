"""Whether prompts and worked solutions fit: counted in the policy's tokens before its weights are loaded.

A row whose prompt has no room in the context would end a run in the step that draws it, so every row of a data set is
counted; of environments that draw without end, some problems of every level are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from envs.environment import Environment
from envs.long_prompts import PromptRoom, cut_to_room
from envs.types import EnvSpec, Problem
from experiments.arms import methods_of_study
from experiments.config.components import build_env
from experiments.config.experiment import Experiment
from experiments.run.errors import UserError
from experiments.run.terminal import tell
from experiments.stages.problems import EVALUATION_SEED
from policies.causal import CausalPolicy, load_reader
from policies.pretrained.prompting import with_template_settings
from policies.tiny import TinyConfig, build_tiny
from rl.workers.conversations import encode_prompt

DRAWN = 32  # problems of a level, part and split, where they are drawn without end


class NotAtHandError(UserError):
    """The tokenizer of a model of a hub, which is not here: a run would fetch it, and a check goes on without."""


@dataclass(frozen=True)
class _Limit:
    """The longest completion that is asked for in a split, and the setting that says so."""

    tokens: int
    setting: str


@dataclass(frozen=True)
class _Measured:
    """A problem and the tokens that its prompt, and a solution that is imitated, need.

    Attributes:
        drawn: the problem before its template.
        env: that it comes from.
    """

    drawn: Problem
    env: Environment
    tokens: int

    @property
    def place(self) -> str:
        """Where it comes from, in words."""
        return self.env.place_of(self.drawn)


def reader_of(experiment: Experiment, env: Environment) -> CausalPolicy:
    """What encodes for the policy of the config; it has no weights worth anything.

    Raises:
        UserError: its tokenizer or its config cannot be loaded.
    """
    section = experiment.policy
    if section.tiny is not None:
        return build_tiny(TinyConfig(**section.tiny.model_dump()), vocabulary=env.vocabulary(), seed=0)
    assert section.path is not None
    try:
        reader = load_reader(section.path, trust_remote_code=section.trust_remote_code)
        with_template_settings(reader.tokenizer, section.chat_template_kwargs)
        return reader
    except (OSError, ValueError) as error:
        kind = NotAtHandError if _is_of_a_hub(section.path) else UserError
        raise kind(f"policy.path: {' '.join(str(error).split())[:300]}") from error


def fitted_env(experiment: Experiment) -> tuple[EnvSpec, Environment]:
    """The environment whose problems have room in the policy's context, and the spec that travels to workers."""
    spec, env = build_env(experiment.env)
    room = room_of(experiment, reader_of(experiment, env))
    if room is not None:
        try:
            env.fit(room)
        except ValueError as error:
            raise UserError(f"env: {error}") from error
    return spec, env


def room_of(experiment: Experiment, reader: CausalPolicy) -> PromptRoom | None:
    """The room that the policy's context leaves for prompts; None where no context is known.

    Raises:
        UserError: a completion of the allowed length alone fills the context.
    """
    context = reader.context
    if context is None:
        return None
    limits = _limits(experiment)
    for limit in limits.values():
        if limit.tokens >= context:
            raise UserError(
                f"{limit.setting} is {limit.tokens}, and the model's context is {context}: there is no room for a "
                f"prompt; {_remedy(experiment)}"
            )

    def count(problem: Problem, source: Environment) -> int:
        """Tokens of the prompt, and those by which a solution that is imitated is longer than completions may be."""
        tokens = len(encode_prompt(reader, problem))
        if experiment.imitation is not None and problem.split == "train":
            tokens += max(0, _solution_tokens(reader, source, problem) - limits["train"].tokens)
        return tokens

    return PromptRoom(count, {split: context - limit.tokens for split, limit in limits.items()})


def check_lengths(experiment: Experiment) -> None:
    """Counts prompts and worked solutions; says which prompts are left out or cut, and which solutions are too long.

    Raises:
        UserError: there is no room for a prompt, and `env.long_prompts` does not say what to do about it.
    """
    env = build_env(experiment.env)[1]
    try:
        reader = reader_of(experiment, env)
    except NotAtHandError as error:
        tell(f"prompts are not counted, since the tokenizer is not at hand: {error}")  # a run would fetch it
        return
    room = room_of(experiment, reader)
    drawn = {split: list(_problems(experiment, env, split)) for split in _levels(experiment, env)}
    if room is not None:
        _check_prompts(experiment, reader, room, drawn)
    _compare_solutions(experiment, reader, drawn)


def _is_of_a_hub(path: str) -> bool:
    """Whether a path reads as the id of a model on a hub, `owner/name`, and is no folder here."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", path) is not None and not Path(path).exists()


def _check_prompts(
    experiment: Experiment,
    reader: CausalPolicy,
    room: PromptRoom,
    drawn: dict[str, list[tuple[Environment, Problem]]],
) -> None:
    long: dict[str, list[_Measured]] = {}
    for split, problems in drawn.items():
        measured = [_Measured(p, env, room.count(env.write_prompt(p), env)) for env, p in problems]
        long[split] = [each for each in measured if each.tokens > room.limit(split)]
    every = [each for found in long.values() for each in found]
    refused = [each for each in every if each.env.long_prompts == "refuse"]
    if refused:
        raise UserError(_refusal(experiment, reader, room, refused, sum(map(len, drawn.values()))))
    for what, done in (("drop", "left out"), ("cut", "cut at their beginning")):
        found = {
            split: [each for each in each_split if each.env.long_prompts == what] for split, each_split in long.items()
        }
        if not any(found.values()):
            continue
        told = ", ".join(f"{len(some)} of {len(drawn[split]):,} {split}" for split, some in found.items() if some)
        limits = " or ".join(str(n) for n in sorted({room.limit(split) for split, some in found.items() if some}))
        first = next(some[0] for some in found.values() if some)
        tell(
            f"note: env: {told} prompts have more than {limits} tokens, for which the policy has room, and are "
            f"{done} (env.long_prompts: {what}), e.g. {first.place} with {first.tokens:,}"
        )
    for each in every:
        if each.env.long_prompts == "cut":
            try:
                cut_to_room(each.drawn, replace(room, source=each.env), each.env.write_prompt)
            except ValueError as error:
                raise UserError(f"env: {each.place}: {error}") from error
    for split, too_long in long.items():
        is_dropped = [each.env.long_prompts == "drop" for each in too_long]
        if is_dropped and len(is_dropped) == len(drawn[split]) and all(is_dropped):
            raise UserError(
                f"env: all {len(is_dropped)} {split} prompts are longer than {room.limit(split)} tokens, for which the "
                f"policy has room, and env.long_prompts is drop: nothing is left; {_remedy(experiment)}"
            )


def _refusal(
    experiment: Experiment, reader: CausalPolicy, room: PromptRoom, refused: Sequence[_Measured], num: int
) -> str:
    worst = max(refused, key=lambda each: each.tokens)
    first = refused[0]
    limit = _limits(experiment)[first.drawn.split]
    more = ""
    if len(refused) > 1:
        more = f"; {len(refused)} of {num:,} counted prompts are too long, up to {worst.tokens:,} ({worst.place})"
    prompt = len(encode_prompt(reader, first.env.write_prompt(first.drawn)))
    what = f"its prompt has {prompt:,} tokens"
    if prompt <= room.limit(first.drawn.split):
        what += f", and with the worked solution that is imitated it needs room for {first.tokens:,}"
    return (
        f"env: {first.place}: {what}, {limit.setting} is {limit.tokens}, and the model's context is {reader.context}: "
        f"there is room for {room.limit(first.drawn.split):,}{more}. Shorten it, {_remedy(experiment)}, or say what to "
        "do about it: env.long_prompts=drop leaves such problems out, cut leaves out the beginning of their questions"
    )


def _compare_solutions(
    experiment: Experiment, reader: CausalPolicy, drawn: dict[str, list[tuple[Environment, Problem]]]
) -> None:
    """Says where completions may not be as long as worked solutions are: one that is cut off has no answer."""
    limits = _limits(experiment)
    for split in ("train", experiment.evaluation.split):
        lengths = [n for env, problem in drawn[split] if (n := _solution_tokens(reader, env, problem))]
        over = [n for n in lengths if n > limits[split].tokens]
        if over and limits[split].setting:
            tell(
                f"warning: {limits[split].setting} is {limits[split].tokens}, and {len(over)} of {len(lengths):,} "
                f"worked solutions of {split} problems are longer, up to {max(over)} tokens: completions as long as "
                "these are cut off"
            )


def _solution_tokens(reader: CausalPolicy, env: Environment, problem: Problem) -> int:
    """Tokens of a worked solution with its end, the environment's words between its turns included; 0 without one."""
    if not problem.solution or not problem.answer:
        return 0
    turns = env.turns(problem, problem.solution, problem.answer)
    return sum(
        len(reader.encode_completion(said)) + (len(reader.encode_completion(heard)) - 1 if heard else 0)
        for said, heard in turns
    )


def _problems(experiment: Experiment, env: Environment, split: str) -> Iterator[tuple[Environment, Problem]]:
    """(environment, problem before its template): all of a data set, some of every level of what draws without end."""
    seed = experiment.seeds[0] if split == "train" else EVALUATION_SEED
    try:
        for stream in env.task_streams(_levels(experiment, env)[split]):
            part = env.stream_env(stream)
            every = part.all_problems(split, stream.level)
            if every is None:
                every = [part.draw(i, split=split, seed=seed, level=stream.level) for i in range(DRAWN)]
            yield from ((part, problem) for problem in every)
    except (ValueError, OSError) as error:
        raise UserError(f"env: {error}") from error


def _levels(experiment: Experiment, env: Environment) -> dict[str, tuple[int, ...]]:
    """Split -> levels that are asked of it."""
    section = experiment.evaluation
    tested = section.levels or (*env.levels, *env.ood_levels)
    return {"train": env.levels, "validation": env.levels, section.split: tuple(dict.fromkeys(tested))}


def _limits(experiment: Experiment) -> dict[str, _Limit]:
    """Split -> the longest completion that is asked for on its problems."""
    tested = _Limit(experiment.evaluation.sampling.max_new_tokens, "evaluation.sampling.max_new_tokens")
    trained = _Limit(0, "")
    if experiment.imitation is not None and experiment.imitation.step_accuracy:
        trained = _Limit(experiment.rl.sampling.max_new_tokens, "rl.sampling.max_new_tokens")
    for name, method in methods_of_study(experiment).items():
        if "sampling" in method.reads_rl or method.arm.uses_comparisons:
            own = "" if "sampling" not in method.arm.rl else f"arms.{name}."
            limit = _Limit(method.rl.sampling.max_new_tokens, f"{own}rl.sampling.max_new_tokens")
            trained = max(trained, limit, key=lambda each: each.tokens)
    widest = max(tested, trained, key=lambda each: each.tokens)
    return {
        "train": trained,
        "validation": widest,
        **({} if experiment.evaluation.split == "validation" else {"test": tested}),
    }


def _remedy(experiment: Experiment) -> str:
    longer = (
        "raise policy.tiny.context" if experiment.policy.tiny is not None else "choose a model with a longer context"
    )
    return f"lower the limit, {longer}"
