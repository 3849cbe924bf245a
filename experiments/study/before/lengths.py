"""Whether prompts and worked solutions fit: counted in the policy's tokens before its weights are loaded.

A row whose prompt has no room in the context would end a run in the step that draws it, so every row of a data set is
counted; of environments that draw without end, some problems of every level are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from envs.environment import Environment
from envs.long_prompts import PromptRoom, cut_to_room
from envs.turns import spoken
from envs.types import EnvSpec, Problem
from experiments.arms import methods_of_study
from experiments.config.components import build_env
from experiments.config.experiment import Experiment
from experiments.run.errors import UserError
from experiments.run.terminal import tell
from experiments.stages.problems import EVALUATION_SEED
from experiments.study.before.models import NamedModel, NotAtHandError, models_of
from experiments.study.before.recorded import check_recorded
from experiments.study.before.vocabulary import check_vocabulary
from policies.causal import CausalPolicy
from rl.workers.conversations import encode_prompt

DRAWN = 32  # problems of a level, part and split, where they are drawn without end


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


@dataclass(frozen=True)
class _Narrowest:
    """The model and the limit that leave least room for the prompts of a split."""

    model: NamedModel
    limit: _Limit

    @property
    def room(self) -> int:
        """Tokens that are left for a prompt."""
        assert self.model.reader.context is not None
        return self.model.reader.context - self.limit.tokens


def fitted_env(experiment: Experiment) -> tuple[EnvSpec, Environment]:
    """The environment whose problems have room in every model's context, and the spec that travels to workers."""
    spec, env = build_env(experiment.env)
    models = models_of(experiment, env)
    room = _room(_narrowest(experiment, models), models[0].reader, experiment)
    if room is not None:
        try:
            env.fit(room)
        except ValueError as error:
            raise UserError(f"env: {error}") from error
    return spec, env


def _narrowest(experiment: Experiment, models: Sequence[NamedModel]) -> dict[str, _Narrowest]:
    """Split -> what leaves least room there; empty where no context is known.

    Raises:
        UserError: a completion of the allowed length alone fills a context.
    """
    found: dict[str, _Narrowest] = {}
    for model in models:
        if model.reader.context is None:
            continue
        for split, limit in _limits(experiment, model.arm).items():
            here = _Narrowest(model, limit)
            if here.room < 1:
                raise UserError(
                    f"{limit.setting} is {limit.tokens}, and {model.context_in_words}: there is no room for a prompt; "
                    f"lower the limit, {model.remedy}"
                )
            if split not in found or here.room < found[split].room:
                found[split] = here
    return found


def _room(narrowest: Mapping[str, _Narrowest], reader: CausalPolicy, experiment: Experiment) -> PromptRoom | None:
    """The room that contexts leave for prompts; None where no context is known."""
    if not narrowest:
        return None

    def count(problem: Problem, source: Environment) -> int:
        """Tokens of the prompt, and those by which a solution that is imitated is longer than completions may be."""
        tokens = len(encode_prompt(reader, problem))
        if experiment.imitation is not None and problem.split == "train":
            tokens += max(0, _solution_tokens(reader, source, problem) - narrowest["train"].limit.tokens)
        return tokens

    return PromptRoom(count, {split: here.room for split, here in narrowest.items()})


def check_lengths(experiment: Experiment) -> None:
    """Counts prompts, worked solutions and recorded labels; says what is left out or cut, and which are too long.

    Raises:
        UserError: there is no room for a prompt, and `env.long_prompts` does not say what to do about it; or none for
            a recorded completion.
    """
    env = build_env(experiment.env)[1]
    try:
        models = models_of(experiment, env)
    except NotAtHandError as error:
        tell(f"prompts are not counted, since the tokenizer is not at hand: {error}")  # a run would fetch it
        return
    reader = models[0].reader
    narrowest = _narrowest(experiment, models)
    room = _room(narrowest, reader, experiment)
    drawn = {split: list(_problems(experiment, env, split)) for split in _levels(experiment, env)}
    check_vocabulary(reader, [pair for problems in drawn.values() for pair in problems])
    if room is not None:
        _check_prompts(narrowest, reader, room, drawn)
    _compare_solutions(experiment, reader, drawn)
    _compare_stops(experiment, drawn)
    held_out = {problem.id for split, problems in drawn.items() if split != "train" for _, problem in problems}
    check_recorded(experiment, reader, held_out)


def _check_prompts(
    narrowest: Mapping[str, _Narrowest],
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
        raise UserError(_refusal(narrowest, reader, room, refused, sum(map(len, drawn.values()))))
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
                f"policy has room, and env.long_prompts is drop: nothing is left; lower the limit, "
                f"{narrowest[split].model.remedy}"
            )


def _refusal(
    narrowest: Mapping[str, _Narrowest],
    reader: CausalPolicy,
    room: PromptRoom,
    refused: Sequence[_Measured],
    num: int,
) -> str:
    worst = max(refused, key=lambda each: each.tokens)
    first = refused[0]
    here = narrowest[first.drawn.split]
    limit, model = here.limit, here.model
    more = ""
    if len(refused) > 1:
        more = f"; {len(refused)} of {num:,} counted prompts are too long, up to {worst.tokens:,} ({worst.place})"
    prompt = len(encode_prompt(reader, first.env.write_prompt(first.drawn)))
    what = f"its prompt has {prompt:,} tokens"
    if prompt <= room.limit(first.drawn.split):
        what += f", and with the worked solution that is imitated it needs room for {first.tokens:,}"
    return (
        f"env: {first.place}: {what}, {limit.setting} is {limit.tokens}, and {model.context_in_words}: "
        f"there is room for {here.room:,}{more}. Shorten it, lower the limit, {model.remedy}, or say what to "
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


def _compare_stops(experiment: Experiment, drawn: dict[str, list[tuple[Environment, Problem]]]) -> None:
    """Says which stop texts stand in worked solutions before their end: completions like these lose their answers."""
    settings = {"rl.sampling.stop": experiment.rl.sampling.stop}
    settings["evaluation.sampling.stop"] = experiment.evaluation.sampling.stop
    for name, method in methods_of_study(experiment).items():
        if "sampling" in method.arm.rl:
            settings[f"arms.{name}.rl.sampling.stop"] = method.rl.sampling.stop
    alone = [(env, p) for env, p in drawn["train"] if env.source_env(p).max_turns == 1][:DRAWN]
    written = [env.source_env(p).render_solution(p.solution, p.answer).rstrip() for env, p in alone]
    for setting, texts in settings.items():
        for stop in texts:
            num = sum(stop in text[:-1] for text in written)
            if num:
                tell(
                    f"warning: {setting} has {stop!r}, which stands in {num} of {len(written)} worked solutions before "
                    "their end: completions like these are ended there"
                )


def _solution_tokens(reader: CausalPolicy, env: Environment, problem: Problem) -> int:
    """Tokens of a worked solution with its end, the environment's words between its turns included; 0 without one."""
    if not problem.solution or not problem.answer:
        return 0
    try:
        turns = spoken(env, problem, problem.solution, problem.answer)
    except TypeError as error:
        raise UserError(f"env: {error}") from error
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


def _limits(experiment: Experiment, student: str = "") -> dict[str, _Limit]:
    """Split -> the longest completion that is asked for on its problems, of a student or (default) of the policy."""
    tested = _Limit(experiment.evaluation.sampling.max_new_tokens, "evaluation.sampling.max_new_tokens")
    trained = _Limit(0, "")
    if experiment.imitation is not None and experiment.imitation.step_accuracy and not student:
        trained = _Limit(experiment.rl.sampling.max_new_tokens, "rl.sampling.max_new_tokens")
    for name, method in methods_of_study(experiment).items():
        if student not in ("", name):
            continue
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
