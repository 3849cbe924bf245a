"""NAME.hypotheses.yaml beside NAME.yaml -> a Design that fits the config, or an error that says what does not."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from experiments.config.arms.base import START
from experiments.config.experiment import Experiment
from experiments.config.loading import HYPOTHESES, load_experiment
from experiments.config.sections import EvaluationSection
from experiments.config.yaml_text import parse_yaml
from experiments.hypotheses.vocabulary import (
    Curve,
    Design,
    Difference,
    Measure,
    Uncovered,
    arm_of,
    metric_parts,
    split_reference,
)
from experiments.results.read import DEMONSTRATOR
from experiments.run.errors import UserError, did_you_mean
from rl.records.names import is_known

KEPT = "hypotheses.yaml"  # in the folder of a study: the text as it was when the study began


def hypotheses_beside(config: Path) -> Path | None:
    """The file with the hypotheses of a config; None where there is none."""
    path = config.with_name(config.stem + HYPOTHESES)
    return path if path.is_file() else None


def read_design(path: Path) -> Design:
    """The design in a file.

    Raises:
        UserError: it cannot be read, or says something that the vocabulary has not.
    """
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    try:
        return Design.model_validate(raw)
    except ValidationError as error:
        raise UserError("\n".join(f"{path.name}: {line}" for line in _explain(error))) from error


def text_digest(text: str) -> str:
    """SHA-256 of a file of hypotheses; line ends do not count."""
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()


def load_variants(config: Path, design: Design, overrides: tuple[str, ...] = ()) -> dict[str, Experiment]:
    """The experiment of every variant; the config itself under "" where there are none.

    Raises:
        UserError: a config that is not valid, or hypotheses that do not fit it.
    """
    if not design.variants:
        found = {"": load_experiment([config], overrides)}
    else:
        found = {name: _variant(config, name, over, overrides) for name, over in design.variants.items()}
    check_design(design, found, are_seeds_whole=not overrides)
    return found


def _variant(config: Path, name: str, over: object, overrides: tuple[str, ...]) -> Experiment:
    try:
        return load_experiment([config], overrides, over=over if isinstance(over, dict) else {})
    except UserError as error:
        raise UserError(f"variants.{name}: {error}") from error


def check_design(design: Design, experiments: dict[str, Experiment], *, are_seeds_whole: bool = True) -> None:
    """Refuses hypotheses about policies, levels or metrics that the study will not have, or from too few seeds.

    Args:
        experiments: of every variant.
        are_seeds_whole: False for a study that is tried in small: from too few seeds nothing will be decided.
    Raises:
        UserError: the first that does not fit.
    """
    for where, reference in design.references.items():
        variant, policy = split_reference(reference)
        if variant not in experiments:
            told = did_you_mean(variant, experiments) if any(experiments) else "; the study has no variants"
            raise UserError(f"{where} names the variant {variant!r}, which there is not{told}")
        experiment = experiments[variant]
        known = [START, *experiment.arms, *([DEMONSTRATOR] if experiment.imitation is not None else [])]
        if (arm_of(policy) or policy) not in known:
            raise UserError(f"{where} names a policy that the study will not have{did_you_mean(policy, known)}")
    for name, hypothesis in design.hypotheses.items():
        for variant, experiment in experiments.items():
            if are_seeds_whole and len(experiment.seeds) < hypothesis.seeds_needed:
                at = f" of variant {variant}" if variant else ""
                raise UserError(
                    f"hypotheses.{name} is {hypothesis.role} and needs {hypothesis.seeds_needed} seeds; the config{at} "
                    f"has {len(experiment.seeds)}"
                )
    measures = {f"hypotheses.{name}": h.measure for name, h in design.hypotheses.items()}
    for where, measure in {**measures, "sceptic": design.sceptic.measure}.items():
        for reference, metric in sides(measure):
            variant, policy = split_reference(reference)
            _check_tested(f"{where}.measure", measure, policy, metric, experiments[variant].evaluation)


def sides(measure: Measure) -> list[tuple[str, str | None]]:
    """Each policy that a measure reads, with the metric that it reads of it; None for what is no share."""
    if isinstance(measure, Difference):
        return [(measure.of, measure.metric), (measure.minus, measure.minus_metric or measure.metric)]
    metric = None if isinstance(measure, Curve) else getattr(measure, "metric", None)
    return [(reference, metric) for reference in measure.references]


def _check_tested(where: str, measure: Measure, policy: str, metric: str | None, section: EvaluationSection) -> None:
    """Refuses what the test of a policy, or its curves, will not hold."""
    if metric is not None:
        kind, _, k = metric_parts(metric)
        if k > section.num_samples:
            raise UserError(f"{where}: {metric} needs {k} samples, and evaluation.num_samples is {section.num_samples}")
        if kind == "greedy" and policy == DEMONSTRATOR:
            raise UserError(f"{where}: the demonstrator has no greedy completion; its metric can be sampled or answer")
    if isinstance(measure, Curve):
        for name in filter(None, (measure.metric, measure.read)):
            if not is_known(name):
                raise UserError(f"{where}: no metric {name!r} is recorded; docs/metrics.md lists those that are")
    if isinstance(measure, Uncovered) and not section.support_samples:
        raise UserError(f"{where}: uncovered needs evaluation.support_samples, and it is 0")
    levels = getattr(measure, "levels", None)
    if isinstance(levels, tuple) and section.levels and (wrong := sorted(set(levels) - set(section.levels))):
        raise UserError(f"{where}: level {wrong[0]} is not tested; evaluation.levels are {list(section.levels)}")


def _explain(error: ValidationError) -> list[str]:
    """What is wrong, a line each."""
    lines = []
    for item in error.errors():
        where = ".".join(map(str, item["loc"]))
        if item["type"] == "extra_forbidden":
            lines.append(f"unknown key {where!r}")
        elif item["type"] == "missing":
            lines.append(f"{where!r} is missing: it has no default")
        elif item["type"] == "union_tag_invalid":
            lines.append(f"{where}.kind: {item['ctx']['tag']!r} is no measure; expected {item['ctx']['expected_tags']}")
        else:
            message = item["msg"].removeprefix("Value error, ")
            given = "" if item["type"] == "value_error" else f" (got {item['input']!r})"
            lines.append(f"{where + ': ' if where else ''}{message[0].lower() + message[1:]}{given}")
    return lines
