"""Settings of what a config names, as tables, read off dataclasses, signatures and docstrings; see `reference.py`."""

from __future__ import annotations

import ast
import inspect
import io
import json
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

from envs.builtin import PROCEDURAL
from envs.demonstrators.base import StepDemonstrator
from envs.demonstrators.writers import make_demonstrator
from envs.environment import Environment
from envs.registry import make as make_env
from rl.algorithms.base import Algorithm
from rl.algorithms.policy_gradient import PolicyGradient
from rl.algorithms.registry import ALGORITHMS
from rl.algorithms.settings import Correction, Kl
from rl.curriculum import CURRICULA
from rl.curriculum.pools import Pools
from rl.preference.labels.annotators import LimitedPerception, ModelledAnnotator, Panel, StylePreference
from rl.rewards.proxy import ProxyReward
from rl.rewards.registry import REWARDS
from verifiers.plugins import load_attribute
from verifiers.registry import BUILT_IN

Row = tuple[str, str, str, str]  # key, default, what it accepts, what it means
WORDS = {  # of type hints
    "int": "integer",
    "float": "number",
    "bool": "true, false",
    "str": "text",
    "None": "`null`",
    "Place": "text",
    "Mapping": "mapping",
    "dict": "mapping",
    "Sequence": "list",
    "tuple": "list",
    "SizeLaw": "list",
}
GIVEN = {
    "self",
    "env",
    "seed",
    "split",
    "state",
    "name",
    "tokenizer",
    "members",
    "normalisers",
    "steps",
    "settings",
}  # by the program


def algorithms() -> Iterator[str]:
    """Settings of every algorithm: those of all policy gradients once, then what each adds or begins with."""
    yield from ("## Algorithms", "")
    yield "Settings of `rl.algorithm`; a page on each is in [algorithms](algorithms/README.md)."
    yield from ("", "### All of them", "", *table(settings_of(PolicyGradient)))
    yield from ("", "### `kl`", "", summary(Kl), "See [kl.md](algorithms/kl.md).", "", *table(settings_of(Kl)))
    yield from ("", "### `correction`", "", summary(Correction), "See [correction.md](algorithms/correction.md).")
    yield from ("", *table(settings_of(Correction)))
    shared = {key: row for key, *row in settings_of(PolicyGradient)}
    for name, kind in ALGORITHMS.items():
        own = [row for row in settings_of(kind) if list(row[1:3]) != shared.get(row[0], [None] * 3)[:2]]
        yield from ("", f"### [{name}](algorithms/{name}.md)", "", summary(kind))
        if not issubclass(kind, PolicyGradient):
            taken = ", ".join(f"`{f.name}`" for f in fields(Algorithm) if f.name != "state")
            yield from ("", f"Of the settings above it has {taken} alone.")
        yield from ("", *table(own)) if own else ()


def components() -> Iterator[str]:
    """Settings of curricula, annotators, rewards and demonstrators."""
    yield from ("## Curricula", "", "Settings of `rl.curriculum`; see [curriculum.md](curriculum.md).")
    for name, kind in CURRICULA.items():
        yield from section(f"`{name}`", kind)
    yield from section("`pools` of a curriculum", Pools, without={"keys"})
    yield from ("", "## Annotators", "", "Settings of `preference.annotator`; see [preference.md](preference.md).")
    yield from section("`perfect`, `careful`, `concise`, `verbose`", ModelledAnnotator)
    yield from section("`perception` of an annotator", LimitedPerception)
    yield from section("`style` of an annotator", StylePreference)
    yield from section("`panel`", Panel)
    yield from ("", "## Rewards", "", "Settings of the `reward` of an arm; see [preference.md](preference.md).")
    for name, source in {**REWARDS, "proxy": ProxyReward}.items():
        yield from section(f"`{name}`", source)
    yield from ("", "## Demonstrators", "", "Settings of `imitation.demonstrator`.")
    for name, kind in _own_demonstrators():
        yield from section(f"of `{name}`", kind)
    yield from section("of every other environment", StepDemonstrator)
    yield from section("of every environment: several writers", make_demonstrator, without={"env", "settings"})


def _own_demonstrators() -> Iterator[tuple[str, type]]:
    """(environment, class) of the procedural environments that bring their own demonstrator."""
    for name in PROCEDURAL:
        env = make_env(name)
        if type(env).demonstrator is not Environment.demonstrator:
            yield name, type(env.demonstrator())


def verifiers() -> Iterator[str]:
    """Settings of the verifiers."""
    yield from (
        "## Verifiers",
        "",
        "Settings of `verify` of an environment, `verifiers.make` and `beyond verify -s`; see",
    )
    yield "[verifiers.md](verifiers.md)."
    for name, target in BUILT_IN.items():
        yield from section(f"`{name}`", load_attribute(target))


def section(heading: str, kind: Callable[..., Any], without: Iterable[str] = ()) -> Iterator[str]:
    """A heading, what it is, and the table of its settings where there are any."""
    rows = [row for row in settings_of(kind) if row[0] not in without]
    yield from ("", f"### {heading}", "", summary(kind))
    yield from ("", *table(rows)) if rows else ()


# --- features settings off the code


def settings_of(kind: Callable[..., Any]) -> Iterator[Row]:
    """A row for every setting of a dataclass, or of a class or function that takes settings by name."""
    told = documented(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        for field in fields(kind):
            if field.name not in GIVEN and field.init:
                value = field.default if field.default is not MISSING else MISSING
                required = value is MISSING and field.default_factory is MISSING
                shown = "required" if required else _default(value)
                yield field.name, shown, _hint(hints[field.name]), told.get(field.name, "")
        return
    for parameter in _parameters(kind).values():
        shown = "required" if parameter.default is parameter.empty else _default(parameter.default)
        yield parameter.name, shown, _hint(parameter.annotation), told.get(parameter.name, "")


def _parameters(kind: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Settings by name; a class that passes `**settings` on has those of its bases too."""
    found: dict[str, inspect.Parameter] = {}
    bases = kind.__mro__ if isinstance(kind, type) else ()
    makers = [vars(base)["__init__"] for base in bases if "__init__" in vars(base)] or [kind]
    for make in makers:
        parameters = inspect.signature(make).parameters.values()
        named = (p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in GIVEN)
        found = {p.name: p for p in named} | found
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


def _default(value: Any) -> str:
    if value is MISSING or (isinstance(value, (dict, tuple, list)) and not value):
        return ""
    if is_dataclass(value):
        return "off" if hasattr(value, "beta") else ""
    return f"`{in_yaml(value)}`"


def _hint(hint: Any) -> str:
    """A type hint of a setting, evaluated or as it is written, in words."""
    if isinstance(hint, str):
        words = re.sub(r"\[.*?\](?=[^\]]*$|\s*\|)", "", hint).split("|")
        return ", ".join(dict.fromkeys(WORDS.get(word.strip(), "") for word in words)).strip(", ")
    options = get_args(hint)
    if type(None) in options:  # X | None
        return ", ".join([*(_hint(option) for option in options if option is not type(None)), "`null`"])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{member.value}`" for member in hint)
    if is_dataclass(hint):
        return "mapping, see below"
    origin = getattr(hint, "__origin__", hint)
    return WORDS.get(getattr(origin, "__name__", ""), "mapping" if inspect.isclass(origin) else "")


def documented(kind: Callable[..., Any]) -> dict[str, str]:
    """What comments and the `Attributes:` or `Args:` of docstrings say of the settings, by name."""
    classes = reversed(kind.__mro__) if isinstance(kind, type) else (kind,)
    found: dict[str, str] = {}
    for base in classes:
        text = base.__dict__.get("__doc__") or ""
        for heading in ("Attributes:\n", "Args:\n"):
            block = re.split(r"\n    (?=\w+:\n)", text.partition(heading)[2])[0]
            for entry in re.split(r"\n(?=\S)", textwrap.dedent(block)):
                names, colon, meaning = entry.partition(":")
                if colon and not meaning.startswith(" as in "):  # a base says it
                    found |= {name.strip(): " ".join(meaning.split()) for name in names.split(",")}
    return {**found, **(field_comments(kind) if isinstance(kind, type) else {})}


# --- writing tables


def in_yaml(value: Any) -> str:
    """A plain value as a config file has it."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float) and 0 < abs(value) < 1e-2:
        return re.sub(r"e-0", "e-", f"{value:.3g}" if value < 1e-3 else repr(value))
    return value if isinstance(value, str) and re.fullmatch(r"\w+", value) else json.dumps(value)


def field_comments(cls: type) -> dict[str, str]:
    """The comment on the line of every field of a class and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not base.__module__.startswith(("experiments", "rl", "policies")):
            continue
        source = textwrap.dedent(inspect.getsource(base))
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
        for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                text = " ".join(comments[line].lstrip("# ") for line in lines if line in comments)
                found |= {node.target.id: text} if text else {}
    return found


def summary(kind: Callable[..., Any]) -> str:
    """The first paragraph of a docstring, as one line."""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def table(rows: Iterable[Row]) -> list[str]:
    """Markdown lines of a table of settings."""
    lines = [
        f"| `{key}` | {default} | {accepts} | {cell(means)} |".replace("  ", " ")
        for key, default, accepts, means in rows
    ]
    return ["| key | default | accepts | meaning |", "| --- | --- | --- | --- |", *lines]


def cell(text: str) -> str:
    """Text of a docstring or comment in a table of a page about YAML."""
    return re.sub(r"\bNone\b", "null", text).replace("|", "\\|")
