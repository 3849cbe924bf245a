"""What `beyond plan` prints: rates from where the user says, the prediction, and what it assumes."""

from __future__ import annotations

from pathlib import Path

from experiments.config.arms.kinds import RlArm
from experiments.config.experiment import Experiment
from experiments.run.errors import UserError
from experiments.study.forecast.model import Load, Machines, Prediction, Rates, predict
from experiments.study.forecast.rates import rates_of_run, rates_of_sheet
from experiments.study.forecast.trial import measure

SHEET_PROMPT = 200.0  # tokens, where no prompt was measured


def forecast(
    experiment: Experiment,
    *,
    workers: int | None,
    gpus: int | None,
    source: Path | None,
    device: str | None,
    parameters: float | None,
    tokens: float | None,
    price: float,
) -> None:
    """Prints the prediction; the arguments are the options of the verb."""
    experiment = _with_arm(experiment)
    rates = _rates(experiment, source, device, parameters, tokens)
    if tokens is not None:
        rates = rates.at_length(tokens)
    num = workers or (experiment.workers.num if experiment.workers.executor == "ray" else 1)
    print_prediction(experiment, rates, load_of(experiment), machines_of(num, gpus, price))


def _with_arm(experiment: Experiment) -> Experiment:
    """The config with the `rl` section as its first RL arm sees it."""
    arm = next((arm for arm in experiment.arms.values() if isinstance(arm, RlArm)), None)
    if arm is None:
        raise UserError(f"config {experiment.name!r} has no arm of method rl: there is no loop to plan")
    return experiment.model_copy(update={"rl": arm.rl_over(experiment)})


def _rates(
    experiment: Experiment, source: Path | None, device: str | None, parameters: float | None, tokens: float | None
) -> Rates:
    if device is not None:
        if source is not None:
            raise UserError("--from and --device both give rates: leave one out")
        if parameters is None:
            raise UserError("--device needs --parameters, e.g. --parameters 7.6e9")
        length = tokens or 0.6 * experiment.rl.sampling.max_new_tokens
        return rates_of_sheet(device, parameters, completion_tokens=length, prompt_tokens=SHEET_PROMPT)
    return rates_of_run(source, experiment) if source is not None else measure(experiment)


def load_of(experiment: Experiment) -> Load:
    """What a step of the config asks for."""
    rl = experiment.rl
    return Load(
        problems=rl.problems_per_step,
        group_size=rl.group_size,
        shard_size=experiment.workers.shard_size,
        steps=rl.steps,
        is_ahead=rl.max_staleness > 0,
    )


def machines_of(workers: int, gpus: int | None, price: float) -> Machines:
    """One GPU for each worker, the others learn; with no more GPUs than workers, they learn and sample in turn."""
    if gpus is None:
        return Machines(workers, 1, 1, price)
    learners = gpus - workers if gpus > workers else gpus
    return Machines(min(workers, gpus), learners, gpus, price)


def print_prediction(experiment: Experiment, rates: Rates, load: Load, machines: Machines) -> None:
    """The table, the bottleneck, and what is assumed."""
    found = predict(rates, load, machines)
    print(
        f"{experiment.name}: {load.steps} steps x {load.problems} problems x {load.group_size} completions, "
        f"{machines.workers} worker(s), {machines.learners} learning device(s)"
    )
    print(f"  rates          {rates.source}")
    for name, seconds in found.parts.items():
        print(f"  {name:<14} {seconds:9.3f} s")
    print(f"  step           {found.step_seconds:9.3f} s   {found.tokens_per_second:,.0f} sampled tokens/s")
    print(f"  run            {found.run_hours:9.2f} h" + _cost(found, machines))
    print(f"  workers idle   {found.worker_idle:9.0%}")
    print(f"  bottleneck     {found.bottleneck}")
    for sentence in found.assumptions:
        print(f"  assumes        {sentence}")


def _cost(found: Prediction, machines: Machines) -> str:
    return f"   {found.cost:,.2f} at {machines.price:g} per hour x {machines.paid}" if machines.price else ""
