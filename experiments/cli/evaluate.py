"""`beyond eval`: a policy on fresh problems of an environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from envs.distinct import distinct_problems
from envs.environment import Environment
from envs.graders import EnvGrader
from envs.long_prompts import PromptRoom
from envs.registry import parse_levels
from envs.types import SPLITS, EnvSpec, Problem
from experiments.config.components import build_env
from experiments.config.sections import Component
from experiments.results.tables import print_evaluation
from experiments.run.display import Display
from experiments.run.errors import EXIT_RUN_FAILED, UserError
from experiments.run.folders import output_file, write_json
from experiments.run.manifest import verify_model
from experiments.run.terminal import tell
from experiments.stages.prompting import CHAT, prompted
from policies.causal import CausalPolicy, load_reader
from policies.endpoint import Endpoint, EndpointError
from policies.types import Sampling
from rl.records.evaluate import Evaluation, of_groups
from rl.records.evaluate import evaluate as evaluate_policy
from rl.records.rescore import judged_again
from rl.types import Group
from rl.workers import PolicySpec, WorkerSpec
from rl.workers.conversations import encode_prompt
from rl.workers.endpoint import EndpointWorkers
from rl.workers.engine import RolloutEngine
from rl.workers.inline import InlineWorkers
from rl.workers.types import Workers
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome

SILENT_SHARE = 0.9  # of completions without an answer, from which on the prompt is told
KEPT_FOR_COMPLETIONS = 8  # an eighth of the context at least, where no limit is given: prompts may have the rest
ROWS = 64  # completions at a time: fewer leave the weights to be read for little
STAGE = "evaluation"  # as its progress is told
MAX_NEW_TOKENS = 512  # where the context leaves room for them


def evaluate(
    policy: Annotated[str, typer.Argument(help="A policy folder, a run folder, a hub id, or an API's URL.")],
    env: Annotated[str, typer.Option("--env", help="Environment, e.g. leaps or 'jsonl:file.jsonl'.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    levels: Annotated[str, typer.Option(help="e.g. 1-4 or 1,3; default: all of the environment.")] = "",
    problems: Annotated[int, typer.Option("--problems", "-n", min=1, help="Per level.")] = 100,
    samples: Annotated[
        int, typer.Option("--samples", "-k", min=0, help="Completions per problem; 0: only a greedy one.")
    ] = 8,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the samples; 0: only a greedy completion.")] = 1.0,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Length limit of a completion; default: what the context leaves, at most 512."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of problems and sampling.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1")] = "cpu",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file to write.")] = None,
    model: Annotated[str, typer.Option(help="With an API's URL as POLICY: the model's name there.")] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time, to an API.")] = 8,
    prices: Annotated[
        str, typer.Option(help="Of a million tokens read and written, to show what an API's answers cost: 0.15,0.6")
    ] = "",
) -> None:
    """Evaluate a policy on fresh problems, by level.

    Greedy, mean@k with its interval, unbiased pass@k, and maj@k; where answers must be announced, also leniently: the
    last number or formula that a completion writes.
    """
    output_file(output)
    if policy.startswith(("http://", "https://")):
        asked_of = _endpoint(policy, model, concurrency, prices)
        spec, made = build_env(Component(name=env) if "template" in env else _as_chat(env))
        asked = _problems(made, levels, problems, split, seed)
        sampling = Sampling(max_new_tokens=max_new_tokens or MAX_NEW_TOKENS, temperature=temperature or 1.0)
        groups: list[Group] = []
        evaluation = _evaluate_endpoint(asked_of, spec, asked, samples if temperature else 0, sampling, seed, groups)
        _tell(evaluation, _leniently(evaluation, made, asked, groups), f"{model} on {env} ({split})", output)
        return
    if model:
        raise UserError(f"--model goes with the URL of an API, and the policy is {policy!r}")
    folder = Path(policy)
    if (folder / "policy").is_dir():
        folder = folder / "policy"
    if folder.is_dir():
        verify_model(folder.resolve())
    location = str(folder) if folder.exists() else policy
    if not folder.exists() and (policy.count("/") != 1 or policy.startswith((".", "/", "~"))) and "/" in policy:
        raise UserError(f"{policy} is not a folder, nor a hub id (owner/name)")
    spec, made = build_env(prompted(Component(name=env), location))
    try:
        _fit(made, load_reader(location), max_new_tokens)
        asked = _problems(made, levels, problems, split, seed)
        workers = InlineWorkers(WorkerSpec(policy=PolicySpec(folder=location, device=device), env=spec, seed=seed))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"cannot load {policy!r} as a Hugging Face causal LM: {reason}") from error
    try:
        tokens = max_new_tokens or _room(workers.engine, asked)
        sampling = Sampling(max_new_tokens=tokens, temperature=temperature or 1.0)
        sent = workers.engine.policy.decode_prompt(workers.engine.encode(asked[0]))
        groups = []
        evaluation = _evaluate(workers, asked, samples if temperature else 0, sampling, groups)
    except ValueError as error:
        raise UserError(str(error)) from error
    finally:
        workers.close()
    _warn_of_silence(evaluation, sent, made.mark)
    _tell(evaluation, _leniently(evaluation, made, asked, groups), f"{policy} on {env} ({split})", output)


def _evaluate(
    workers: Workers, problems: Sequence[Problem], samples: int, sampling: Sampling, groups: list[Group]
) -> Evaluation:
    """Shows how far it is; the completions are added to `groups`."""
    with Display() as display:
        display.begin(STAGE)
        display.progress(STAGE, 0, len(problems) * (samples + 1))
        evaluation = evaluate_policy(
            workers,
            problems,
            num_samples=samples,
            sampling=sampling,
            shard_size=max(1, ROWS // max(1, samples)),
            on_groups=groups.extend,
            on_progress=lambda done, asked: display.progress(STAGE, done, asked),
        )
        display.end(STAGE)
    return evaluation


def _leniently(
    evaluation: Evaluation, env: Environment, problems: Sequence[Problem], groups: Sequence[Group]
) -> Evaluation | None:
    """The same completions judged as test sets usually are; None where the judge has no such mode."""
    if env.spec is None or env.leniently() is None:
        return None
    with VerifierPool(EnvGrader(env.spec, leniently=True)) as pool:
        again = judged_again(groups, pool.grade)
    return of_groups(problems, again, num_samples=evaluation.num_samples, sampling=evaluation.sampling)


def _tell(evaluation: Evaluation, leniently: Evaluation | None, title: str, output: Path | None) -> None:
    """Prints the table, and writes the file that was asked for."""
    print_evaluation(evaluation, title=title, leniently=leniently)
    if output is not None:
        beside = {} if leniently is None else {"lenient": leniently.to_json()}
        write_json(output, {**evaluation.to_json(), **beside})


def _problems(env: Environment, levels: str, num: int, split: str, seed: int) -> list[Problem]:
    """Distinct problems of every level; where a level has too few, that is told."""
    try:
        wanted = parse_levels(levels) if levels else (*env.levels, *env.ood_levels)
        asked, missing = distinct_problems(env, wanted, num, split=split, seed=seed)
    except ValueError as error:
        raise UserError(str(error)) from error
    for sentence in missing:
        tell(f"warning: {sentence}")
    return list(asked)


def _as_chat(env: str) -> Component:
    """The environment with messages for prompts: what is behind an API is a chat model, unless `template=` says more.

    An environment whose problems are messages already is left as it is.
    """
    plain = Component(name=env)
    is_text = isinstance(build_env(plain)[1].problem(0).prompt, str)
    return Component(name=env, settings={"template": CHAT}) if is_text else plain


def _endpoint(url: str, model: str, concurrency: int, prices: str) -> Endpoint:
    """Where the model is, and what it costs."""
    try:
        price_in, price_out = (float(part) for part in prices.split(",")) if prices else (0.0, 0.0)
        return Endpoint(url, model, concurrency=concurrency, price_in=price_in, price_out=price_out)
    except ValueError as error:
        told = f"--prices is {prices!r}, expected two numbers such as 0.15,0.6" if model and prices else str(error)
        raise UserError(told.replace("`model`", "--model")) from error


def _evaluate_endpoint(
    endpoint: Endpoint,
    spec: EnvSpec,
    problems: Sequence[Problem],
    samples: int,
    sampling: Sampling,
    seed: int,
    groups: list[Group],
) -> Evaluation:
    """An evaluation of the model behind an API; what it took is printed, and its completions are added to `groups`."""
    try:
        workers = EndpointWorkers(endpoint, spec, seed=seed)
    except (ValueError, ImportError) as error:
        raise UserError(str(error)) from error
    try:
        evaluation = _evaluate(workers, problems, samples, sampling, groups)
    except EndpointError as error:
        raise UserError(str(error), EXIT_RUN_FAILED) from error
    finally:
        workers.close()
        print(workers.client.spent.told(endpoint))
    return evaluation


def _warn_of_silence(evaluation: Evaluation, prompt: str, mark: str) -> None:
    """Says what was sent, and what to change, where nearly no completion holds an answer."""
    num = sum(row.n for row in evaluation.rows)
    silent = sum(row.outcomes.get(Outcome.NO_ANSWER, 0) for row in evaluation.rows)
    if not num or silent < SILENT_SHARE * num:
        return
    cut = sum(row.truncated for row in evaluation.rows) / num
    print(
        f"warning: {silent / num:.0%} of the completions hold no answer (it is announced by {mark}), {cut:.0%} were "
        f"cut at the token limit. What was sent:\n{prompt.rstrip()}\n"
        "To change it: --env 'NAME?template=chat' (or instruct, question, boxed, a text with {question}), "
        "'NAME?shots=4' for worked examples, or a larger --max-new-tokens."
    )


def _fit(env: Environment, reader: CausalPolicy, max_new_tokens: int | None) -> None:
    """Has the environment leave out, cut or refuse prompts behind which no completion has room."""
    context = reader.context
    if context is None:
        return
    left = context - (max_new_tokens or min(MAX_NEW_TOKENS, max(1, context // KEPT_FOR_COMPLETIONS)))
    if left < 1:
        raise UserError(f"--max-new-tokens is {max_new_tokens}, and the model's context is {context}: lower it")
    try:
        env.fit(PromptRoom(lambda problem, _: len(encode_prompt(reader, problem)), dict.fromkeys(SPLITS, left)))
    except ValueError as error:
        raise UserError(f"--env: {error}") from error


def _room(engine: RolloutEngine, problems: Sequence[Problem]) -> int:
    """Tokens that the model's context leaves after the longest prompt, at most MAX_NEW_TOKENS."""
    context = engine.policy.context
    if context is None:
        return MAX_NEW_TOKENS
    return max(1, min(MAX_NEW_TOKENS, context - max(len(engine.encode(problem)) for problem in problems)))
