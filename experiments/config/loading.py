"""YAML file(s) + dotted overrides -> a validated Experiment, or an error that says what to write instead.

`base: other.yaml` (relative to the file) is read first; later files and overrides win. Mappings merge, lists replace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from experiments.config.arms.kinds import OwnArm, arm_kinds, methods_of
from experiments.config.experiment import Experiment
from experiments.config.merging import merge
from experiments.config.paths import anchored
from experiments.config.renamed import check_config
from experiments.config.sections import Section
from experiments.config.yaml_text import parse_yaml
from experiments.run.errors import UserError, did_you_mean

CONFIG_FOLDER = Path(__file__).parents[1] / "configs"
STUDY_FOLDER = Path(__file__).parents[1] / "studies"
HYPOTHESES = ".hypotheses.yaml"  # ends the name of the file beside a config that says what is expected of it


def load_experiment(
    files: Sequence[str | Path], overrides: Sequence[str] = (), *, over: Mapping[str, Any] | None = None
) -> Experiment:
    """The experiment that config files, left to right, and `key=value` overrides describe.

    Args:
        over: settings laid over those of the files, before the overrides.
    Raises:
        UserError: a missing file, broken YAML, unknown key, wrong type or value.
    """
    raw: dict[str, Any] = {}
    for file in files:
        raw = merge(raw, read_config(find_config(file)))
    raw = merge(raw, over or {})
    for text in overrides:
        raw = merge(raw, anchored(parse_override(text), Path.cwd()))
    check_config(raw)
    try:
        experiment = Experiment.model_validate(raw)
    except ValidationError as error:
        raise UserError("\n".join(_explain(error))) from error
    for name, arm in experiment.arms.items():
        _check_own(name, "rl", arm.rl, experiment.rl, ("rl",))
        _check_own(name, "dpo", getattr(arm, "dpo", {}), experiment.preference.dpo, ("preference", "dpo"))
    return experiment


def _check_own(arm: str, key: str, own: Mapping[str, Any], shared: Section, place: tuple[str, ...]) -> None:
    """Refuses settings of a shared section, at `place`, that an arm changes for itself and that the section has not."""
    try:
        type(shared).model_validate(merge(shared.model_dump(), own))
    except ValidationError as error:
        raise UserError("\n".join(f"arms.{arm}.{key}: {line}" for line in _explain(error, place))) from error


def to_yaml(experiment: Experiment) -> str:
    """The whole config, every default spelt out; read again it is the same experiment."""
    return yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)


def load_resolved(file: Path) -> Experiment:
    """The experiment of a study's own config.yaml.

    Raises:
        UserError: it is missing, or of a version whose settings were others.
    """
    if not file.exists():
        raise UserError(f"{file} does not exist: is {file.parent} the folder of a study?")
    raw = read_config(file)
    check_config(raw)
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        raise UserError(f"{file} was written by another version: " + "; ".join(_explain(error))) from error


def find_config(name: str | Path) -> Path:
    """A path as given, or the shipped config or study of that name (`demo` is experiments/configs/demo.yaml)."""
    path = Path(name)
    if path.is_file():
        return path
    file = path.name if path.suffix else f"{path.name}.yaml"
    shipped = next((found for found in shipped_configs() if found.name == file), None)
    if shipped is not None and len(path.parts) == 1:
        return shipped
    names = [found.stem for found in shipped_configs()]
    raise UserError(f"no config file {str(name)!r}{did_you_mean(str(name), names)}")


def shipped_configs() -> list[Path]:
    """The configs and the studies that come with the project, by name."""
    found = [*CONFIG_FOLDER.glob("*.yaml"), *STUDY_FOLDER.glob("*.yaml")]
    return sorted((path for path in found if not path.name.endswith(HYPOTHESES)), key=lambda path: path.stem)


def read_config(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The mapping that a YAML file and its bases describe.

    Raises:
        UserError: it cannot be read, or is no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file: byte {error.start} is not UTF-8") from error
    raw = parse_yaml(text, str(path))
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds a {type(raw).__name__}, expected `key: value` lines")
    base = raw.pop("base", None)
    raw = anchored(raw, path.resolve().parent)
    if base is None:
        return raw
    if not isinstance(base, str) or "\0" in base:
        raise UserError(f"{path}: base is {base!r}, expected a path relative to {path.parent}")
    target = (path.parent / base).resolve()
    if not target.is_file() and (shipped := CONFIG_FOLDER / f"{base}.yaml").is_file():  # a name of `beyond configs`
        target = shipped.resolve()
    if target in seen or not target.is_file():
        problem = "includes itself" if target in seen else "is not a file"
        raise UserError(
            f"{path}: base {base!r} {problem}; `base` is a path relative to {path.parent}, or a shipped config's name"
        )
    return merge(read_config(target, (*seen, path.resolve())), raw)


def parse_override(text: str) -> dict[str, Any]:
    """`rl.steps=300` as {"rl": {"steps": 300}}; the value is YAML.

    Raises:
        UserError: it is not of that form.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"override {text!r} is not of the form key=value, e.g. rl.steps=300")
    parsed = parse_yaml(value, f"the value of the override {text[:80]!r}")
    for part in reversed(key.strip().split(".")):
        parsed = {part: parsed}
    return parsed


def _explain(error: ValidationError, inside: tuple[str, ...] = ()) -> list[str]:
    """What is wrong, a line each; `inside` is where the validated section stands in a config."""
    lines = []
    for item in error.errors():
        location = _without_tag(item["loc"])
        where = ".".join(map(str, location))
        if item["type"] == "extra_forbidden":
            lines.append(
                f"unknown key {where!r}{did_you_mean(str(location[-1]), _fields_at((*inside, *item['loc'][:-1])))}"
            )
        elif item["type"] == "missing":
            lines.append(f"{where!r} is missing: it has no default")
        elif item["type"] == "union_tag_invalid":
            known = [method for kind in arm_kinds() for method in methods_of(kind)]
            given = item["ctx"]["tag"]
            told = did_you_mean(given, known)
            lines.append(f"{where}.method: input should be one of {', '.join(known)} (got {given!r}){told}")
        else:
            value = "null" if item["input"] is None else repr(item["input"])
            given = "" if item["type"] == "value_error" else f" (got {value})"
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"{where + ': ' if where else ''}{message[0].lower() + message[1:]}{given}")
    return lines


def _without_tag(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location as the file has it: pydantic puts an arm's method between its name and its settings."""
    is_in_arm = location[:1] == ("arms",) and len(location) > 2
    return (*location[:2], *location[3:]) if is_in_arm else location


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the section at a location of the config."""
    model: type[BaseModel] = Experiment
    if location[:1] == ("arms",):
        model = next((kind for kind in arm_kinds() if location[2] in methods_of(kind)), OwnArm)
        location = location[3:]
    for part in location:
        annotation = model.model_fields[str(part)].annotation
        sections = [t for t in (annotation, *get_args(annotation)) if isinstance(t, type) and issubclass(t, BaseModel)]
        if not sections:
            return []
        model = sections[0]
    return list(model.model_fields)
