"""The reference pages docs/config.md and docs/metrics.md: `python -m experiments.config.reference` writes them.

What a field means is the comment on its line (configs) or in its class's `Attributes:` (algorithms), so that there is
one place to say it. A test holds the committed pages to this.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from experiments.config.arms.base import Arm
from experiments.config.arms.kinds import arm_kinds, methods_of
from experiments.config.experiment import Experiment
from experiments.config.reference_settings import (
    Row,
    algorithms,
    cell,
    components,
    field_comments,
    in_yaml,
    summary,
    table,
    verifiers,
)
from experiments.config.sections import Component, RLSection, Section
from rl.records.names import METRICS

PAGES = Path("docs")
WRITTEN = "Written from the code by `python -m experiments.config.reference`; a test keeps it true."
PLAIN_TYPES = {"integer": "integer", "number": "number", "string": "text", "boolean": "true, false"}


def main() -> None:
    """Writes the pages into docs/, or the folder that is given."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGES
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


def pages() -> dict[str, str]:
    """Name and text of every page."""
    return {"config.md": config_page(), "metrics.md": metrics_page()}


# --- configs


CONFIG_INTRO = """# Config reference

{written}

`beyond configs` lists the shipped configs, `beyond configs demo` prints one with every default spelt out (a good
beginning for your own), `beyond check my.yaml` validates yours, builds what it names and prints the plan.

- A config is a YAML file. `base: other.yaml`, a path relative to the file, is read first. Several files
  (`beyond study a.yaml b.yaml`) are laid over one another, left to right, and `-s key.of.setting=value` over all.
- Mappings merge key by key; lists and everything else replace. A mapping that names another component (`name`) or kind
  of arm (`method`) replaces the old one, whose settings would not fit. `arms: {{rlhf: null}}` leaves an arm out.
- An unknown key is an error that names the nearest known one. Numbers may be written as `1e-4`.
- A value of `-s` is YAML: `-s rl.algorithm=rloo`, `-s 'evaluation.levels=[1, 2]'`, `-s imitation=null`.

## Components

`env`, `rl.algorithm`, `rl.curriculum`, `preference.annotator`, `preference.selector` and an arm's `reward` are
*components*: a name, or a mapping with the name and the component's own settings. The name is a built-in one,
`package.module:attribute`, `path/to/file.py:attribute`, or the entry point of an installed plug-in. These and all other
parts can be your own: [plugins.md](plugins.md).

```yaml
rl:
  algorithm: grpo                                       # the name alone
  curriculum: {{name: target_success, accuracy: 0.6}}             # with settings
env: {{name: my_file.py:lineq, largest: 20}}              # one of your own
```

Settings of environments are on their pages ([environments/index.md](environments/index.md)); those of algorithms,
curricula, annotators, rewards, demonstrators and verifiers are below.
"""


def config_page() -> str:
    """Every key of a config, with its default, what it accepts and what it means."""
    lines = [CONFIG_INTRO.format(written=WRITTEN).rstrip(), "", "## Keys"]
    for model, places in _sections(Experiment).items():
        heading = ", ".join(f"`{place}`" for place in dict.fromkeys(places)) or "The top of a file"
        lines += ["", f"### {heading}", "", summary(model), "", *table(_rows(model))]
    lines += [
        "",
        "## Arms",
        "",
        "`arms` maps names of your choice to arms; [arms.md](arms.md) says what each kind does.",
    ]
    lines += ["Every kind has `method` and these:", "", *table(_rows(Arm, without={"method"}))]
    for kind in arm_kinds():
        heading = ", ".join(f"`method: {method}`" for method in methods_of(kind))
        lines += ["", f"### {heading}", "", summary(kind)]
        rows = list(_rows(kind, without=set(Arm.model_fields)))
        lines += ["", *table(rows)] if rows else []
        lines += ["", f"It reads of `rl`: {_names(kind.uses_rl)}."]
    return "\n".join([*lines, "", *algorithms(), "", *components(), "", *verifiers()]) + "\n"


def _names(of_rl: frozenset[str]) -> str:
    if of_rl == frozenset(RLSection.model_fields):
        return "everything"
    return ", ".join(f"`{name}`" for name in sorted(of_rl)) or "nothing"


def _sections(top: type[BaseModel]) -> dict[type[BaseModel], list[str]]:
    """Every section of a config and the dotted places where it stands, in the order of the file."""
    found: dict[type[BaseModel], list[str]] = {top: []}

    def visit(model: type[BaseModel], prefix: str) -> None:
        """Notes the sections below `model`, whose own fields begin with `prefix`."""
        for name, field in model.model_fields.items():
            section = _section_of(field)
            if section is not None:
                found.setdefault(section, []).append(f"{prefix}{name}")
                visit(section, f"{prefix}{name}.")

    visit(top, "")
    for kind in arm_kinds():
        visit(kind, "arms.NAME.")
    return found


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)


def _rows(model: type[BaseModel], without: Iterable[str] = ()) -> Iterator[Row]:
    schema = model.model_json_schema()["properties"]
    comments = field_comments(model)
    for name, field in model.model_fields.items():
        if name in without:
            continue
        component = Component in (field.annotation, *get_args(field.annotation))
        if name == "arms":
            accepts = "see [Arms](#arms)"
        elif component:
            accepts = "[component](#components)" + (", `null`" if field.default is None else "")
        elif _section_of(field):
            accepts = "section" + (", `null`" if type(None) in get_args(field.annotation) else "")
        else:
            accepts = _accepts(schema[name])
        yield name, _default(field), accepts, comments.get(name, "")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Component):
        return f"`{value.name}`"
    if isinstance(value, Section):
        changed = {key: v for key, v in value if v != type(value).model_fields[key].default}
        return ", ".join(f"`{key}: {in_yaml(v)}`" for key, v in changed.items())
    if isinstance(value, dict):
        return f"`{{{', '.join(f'{name}: {arm.method}' for name, arm in value.items())}}}`"
    return f"`{in_yaml(value)}`"


def _accepts(schema: Mapping[str, Any]) -> str:
    """A JSON schema in words."""
    if "anyOf" in schema:
        return ", ".join(_accepts(option) for option in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind == "null":
        return "`null`"
    if kind == "array":
        items = schema.get("prefixItems")
        return f"{len(items)} x {_accepts(items[0])}" if items else f"list of {_accepts(schema.get('items', {}))}"
    if kind == "object":
        return "mapping"
    bounds = (("minimum", ">= "), ("exclusiveMinimum", "> "), ("maximum", "<= "), ("exclusiveMaximum", "< "))
    told = [
        f"{sign}{schema[name]:g}" if schema[name] < 1e6 else f"{sign}2^31" for name, sign in bounds if name in schema
    ]
    return " ".join([PLAIN_TYPES.get(str(kind), "anything"), ", ".join(told)]).strip()


# --- metrics


METRICS_INTRO = """# Metrics glossary

{written}

Names of the columns of `metrics.jsonl` (one row per step; beside them `stage`, `step` and `wall_seconds`), of the
terminal and of trackers (docs/trackers.md). A `*` stands for a name that the run brings with it: a reward part, a
verdict part, an outcome, a level, a phase. Everything is a mean over the whole step: counts are added first and
divided once, so neither micro-batches nor padding nor processes change a number. Which ones to look at first, and what
they mean together, is in [reading-results.md](reading-results.md).
"""


def metrics_page() -> str:
    """Every metric that a run records, by family."""
    families: dict[str, dict[str, str]] = {}
    for name, told in METRICS.items():
        families.setdefault(name.partition("/")[0], {})[name] = told
    lines = [METRICS_INTRO.format(written=WRITTEN).rstrip()]
    for family, metrics in families.items():
        lines += ["", f"## {family}", "", "| metric | what it is |", "| --- | --- |"]
        lines += [f"| `{name}` | {cell(text)} |" for name, text in metrics.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
