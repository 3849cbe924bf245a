"""Environments by name. A name and its settings are what travels to workers; the object is built where it runs.

A reference is one of

    leaps                                        a built-in or registered name
    jsonl:data/train.jsonl?prompt=q&answer=a     a name, its main setting after the colon, settings after ?
    package.module:attribute                     an environment class, or an object made by @environment
    path/to/file.py:attribute                    the same, in a file
    my-plugin                                    an installed plug-in (entry points "beyond_imitation.environments")

Plug-ins are looked up on a miss only, so an installed one that is broken disturbs nobody who does not name it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import random
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from envs.builtin import BUILT_IN
from envs.environment import Environment
from envs.long_prompts import ON_LONG
from envs.prompts import MAX_SHOTS
from envs.types import Check, EnvSpec, Mistake, Problem
from verifiers.parts import entry_point, load_entry_point, plugged_in
from verifiers.plugins import FILE_MODULE_PREFIX, load_attribute, suggest
from verifiers.types import Verifier
from verifiers.watching import watched

COMMON_SETTINGS = ("levels", "ood_levels", "template", "system", "shots", "long_prompts")  # every one takes them
VARIADIC = "..."
MAX_LEVELS = 10_000  # that a span may name

_REGISTERED: dict[str, type[Environment]] = {}


class FunctionEnvironment(Environment):
    """An environment made of one function (rng, level, **settings) -> Problem; see `environment`."""

    function: ClassVar[Callable[..., Problem]]

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A fresh problem of `level`, drawn with `rng` alone."""
        return type(self).function(rng, level, **self.settings)


def environment(
    name: str,
    *,
    levels: Sequence[int] | None = None,
    ood_levels: Sequence[int] | None = None,
    verify: str | Mapping[str, Any] | Verifier | Check | None = None,
    mistakes: Mapping[str, Mistake] | None = None,
    **attributes: Any,
) -> Callable[[Callable[..., Problem] | type[Environment]], type[Environment]]:
    """Registers an environment: decorates a function (rng, level, **settings) -> Problem, or a subclass.

    Args:
        name: what configs and the command line call it.
        levels, ood_levels: difficulties for training, and for evaluation beyond it; one level unless given.
        verify: a verifier's name, {"name": ..., **settings}, a verifier, or a function (problem, answer) -> bool;
            "exact" unless given.
        mistakes: wrong rules for demonstrators; see `Environment`.
        attributes: further class attributes, e.g. `render_solution`, `single_step_problem`, `max_turns`.
    Returns:
        a decorator that gives the environment's class back.
    Raises:
        ValueError: another environment has this name.
    """
    body: dict[str, Any] = {"name": name, **attributes}
    if levels is not None:
        body["levels"] = tuple(levels)
    if ood_levels is not None:
        body["ood_levels"] = tuple(ood_levels)
    if verify is not None:
        body["verify"] = staticmethod(verify) if inspect.isfunction(verify) else verify
    if mistakes is not None:
        body["mistakes"] = MappingProxyType(dict(mistakes))

    def register(target: Callable[..., Problem] | type[Environment]) -> type[Environment]:
        """The class with the attributes above set, or a new one around the function, under its name."""
        if isinstance(target, type):
            cls = target
            for key, value in body.items():
                setattr(cls, key, value)
        else:
            identity = {"__doc__": target.__doc__, "__module__": target.__module__, "__qualname__": target.__qualname__}
            cls = type(target.__name__, (FunctionEnvironment,), {**body, **identity, "function": staticmethod(target)})
        _register(name, cls)
        return cls

    return register


def _register(name: str, cls: type[Environment]) -> None:
    home = BUILT_IN.get(name)
    other = _REGISTERED.get(name)
    is_other_home = home is not None and home != cls.__module__
    is_other_class = other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__)
    if is_other_home or is_other_class:
        owner = f"{other.__module__}.{other.__qualname__}" if other else home
        raise ValueError(f"environment {name!r} is already registered by {owner}; choose another name")
    _REGISTERED[name] = cls


def make(ref: str | EnvSpec, **settings: Any) -> Environment:
    """The environment that a reference names.

    Args:
        ref: see the module's docstring. A spec gives its own settings.
        settings: override those in the reference. Every environment also takes `levels` and `ood_levels` (a sequence,
            or text such as "1-4" or "1,3"), `template` (a prompt template, see envs/prompts.py), `system` (a system
            message), `shots` (worked examples before each question) and `long_prompts` (refuse, drop or cut).
    Raises:
        ValueError: no environment of this name; the message names the nearest ones.
        TypeError: a setting that the environment does not have.
    """
    spec = parse_reference(ref, **settings)
    cls, main = _resolve(spec.name)
    main = main or None  # nothing stands after the colon
    own = dict(spec.settings)
    known = _parameters(cls)
    common = {key: own.pop(key) for key in COMMON_SETTINGS if key in own and key not in known}
    for key in ("levels", "ood_levels"):
        for values in (own, common):
            if key in values:
                values[key] = parse_levels(values[key])
    unknown = [] if VARIADIC in known else [key for key in own if key not in known]
    if unknown:
        near = suggest(unknown[0], [*known, *COMMON_SETTINGS])
        raise TypeError(f"environment {spec.name!r} has no setting {unknown[0]!r}{near}; it has {', '.join(known)}")
    _check_settings(cls, spec.name, own)
    missing = [key for key in _required(cls)[main is not None :] if key not in own]
    if missing:
        how = (
            ""
            if main is not None
            else f"; the first may stand after a colon, {spec.name.rstrip(':')}:{missing[0].upper()}"
        )
        raise TypeError(f"environment {spec.name!r} needs the setting {' and '.join(map(repr, missing))}{how}")
    build: Callable[..., Environment] = cls
    env = build(main, **own) if main is not None else build(**own)
    _check_prompting(common)
    for key, value in common.items():
        setattr(env, key, value)
    if not isinstance(env.max_turns, int) or env.max_turns < 1:
        raise TypeError(f"max_turns of environment {spec.name!r} is {env.max_turns!r}, expected 1 turn or more")
    for key, least in (("levels", 1), ("ood_levels", 0)):
        _check_levels(getattr(env, key), f"{key} of environment {spec.name!r}", least)
    env.spec, env.rebuild = spec, make
    return env


def _check_levels(levels: Any, what: str, least: int) -> None:
    is_sequence = isinstance(levels, Sequence) and not isinstance(levels, str)
    if not is_sequence or len(levels) < least or not all(map(_is_level, levels)):
        raise TypeError(f"{what} are {levels!r}, expected whole numbers from 0 on" + ", one at least" * bool(least))


def _is_level(level: Any) -> bool:
    return isinstance(level, int) and not isinstance(level, bool) and level >= 0


def _check_prompting(settings: Mapping[str, Any]) -> None:
    shots = settings.get("shots", 0)
    if not isinstance(shots, int) or isinstance(shots, bool) or not 0 <= shots <= MAX_SHOTS:
        raise ValueError(f"shots is {shots!r}, expected a number of worked examples from 0 to {MAX_SHOTS}")
    if settings.get("long_prompts", "refuse") not in ON_LONG:
        raise ValueError(f"long_prompts is {settings['long_prompts']!r}, expected one of {', '.join(ON_LONG)}")
    for key in ("template", "system"):
        if not isinstance(settings.get(key, ""), str):
            raise ValueError(f"{key} is {settings[key]!r}, expected text")


def parse_reference(ref: str | EnvSpec, **settings: Any) -> EnvSpec:
    """The spec of a reference: settings after `?` are read as JSON where they are JSON, as text otherwise."""
    if isinstance(ref, EnvSpec):
        return EnvSpec(ref.name, {**ref.settings, **settings})
    if not isinstance(ref, str):
        raise ValueError(f"an environment is named by {ref!r}, expected text such as 'leaps?levels=1-4'")
    name, _, query = ref.partition("?")
    written = {key: _read_value(value) for key, value in parse_qsl(query, keep_blank_values=True)}
    return EnvSpec(_portable(name), {**written, **settings})


def _portable(name: str) -> str:
    """A registered name as a reference that another process can resolve."""
    cls = _REGISTERED.get(name)
    if cls is None or name in BUILT_IN or name in plugged_in("environment"):
        return name
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if cls.__module__ == "__main__" or (file and cls.__module__.startswith(FILE_MODULE_PREFIX)):
        return f"{file}:{cls.__qualname__}" if file else name
    return f"{cls.__module__}:{cls.__qualname__}"


def _read_value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    try:
        return [json.loads(part) for part in text.split(",")] if "," in text else text
    except json.JSONDecodeError:
        return text


def parse_levels(value: Any) -> tuple[int, ...]:
    """Levels from a sequence, one number, or text such as "1-4" or "1,3,5"."""
    if not isinstance(value, str):
        levels = list(value) if isinstance(value, Sequence) else [value]
        if not all(map(_is_level, levels)):
            raise ValueError(f'levels are {value!r}, expected whole numbers from 0 on, or text such as "1-4"')
        return tuple(levels)
    levels = []
    for part in value.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdigit() or (dash and not high.isdigit()):
            raise ValueError(f'levels are {value!r}, expected a form such as "1-4" or "1,3,5"')
        first, last = int(low), int(high or low)
        if last - first >= MAX_LEVELS:
            raise ValueError(f"levels are {value!r}, expected at most {MAX_LEVELS} of them")
        levels += range(first, last + 1)
    return tuple(levels)


def _parameters(cls: type[Environment]) -> list[str]:
    """Names of an environment's settings; holds VARIADIC when it takes any."""
    if issubclass(cls, FunctionEnvironment):
        return list(inspect.signature(cls.function).parameters)[2:]
    names: list[str] = []
    makers = [base for base in cls.__mro__ if base is not object and "__init__" in vars(base)]
    for base in makers:  # a constructor that hands its further settings on is followed to the next one
        own = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        names += [p.name for p in own if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in names]
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            return names
    return [*names, VARIADIC] if makers else []


def _required(cls: type[Environment]) -> list[str]:
    """Names of the settings without which the function or constructor cannot be called, in order."""
    if issubclass(cls, FunctionEnvironment):
        parameters = list(inspect.signature(cls.function).parameters.values())[2:]
    else:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind in named]


_PLAIN: Mapping[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}


def _check_settings(cls: type[Environment], name: str, settings: Mapping[str, Any]) -> None:
    """Compares settings with the annotations of the function or constructor, where those are plain types.

    Raises:
        TypeError: a setting of another type.
    """
    target = cls.function if issubclass(cls, FunctionEnvironment) else cls.__init__
    try:
        hints = typing.get_type_hints(target)
    except (NameError, TypeError):  # an author's annotations need not be resolvable
        return
    for key, value in settings.items():
        wanted = _PLAIN.get(hints.get(key))
        if wanted and not (isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))):
            raise TypeError(f"environment {name!r}: setting {key!r} is {value!r}, expected {hints[key].__name__}")


def _resolve(name: str) -> tuple[type[Environment], str | None]:
    """The class behind a reference without settings, and the main setting written after the colon, if any."""
    found = _find(name)
    if found is not None:
        return found, None
    head, colon, tail = name.rpartition(":") if name.count(":") == 1 else name.partition(":")
    if colon:
        if head.endswith(".py"):
            return watched(as_class(load_attribute(name), name), "environment", name), None
        scheme = _find(head)
        if scheme is not None:
            return scheme, tail
        if "." in head or importlib.util.find_spec(head) is not None:
            return watched(as_class(load_attribute(name), name), "environment", name), None
    names = [*BUILT_IN, *_REGISTERED, *plugged_in("environment")]
    raise ValueError(
        f"no environment is called {name!r}{suggest(name, names) or '.'} An environment of your own is named "
        "package.module:attribute or path/to/file.py:attribute; `beyond env list` prints the names"
    )


def as_class(value: Any, ref: str) -> type[Environment]:
    """`value`, when it is an environment class.

    Raises:
        ValueError: it is not; `ref` is what the user wrote.
    """
    if isinstance(value, type) and issubclass(value, Environment):
        return value
    found = f"the function {value.__name__}" if inspect.isfunction(value) else f"{value!r:.60}"
    raise ValueError(f"{ref} is {found}, expected an Environment class or a function decorated with @environment")


def _find(name: str) -> type[Environment] | None:
    if name not in _REGISTERED and name in BUILT_IN:
        importlib.import_module(BUILT_IN[name])
        if name not in _REGISTERED:
            raise RuntimeError(f"module {BUILT_IN[name]} registers no environment called {name!r}")
    if name in _REGISTERED:
        return _REGISTERED[name]
    point = entry_point("environment", name)
    if point is None:
        return None
    return as_class(load_entry_point("environment", point), f"entry point {point.name} = {point.value}")


def get_class(name: str) -> type[Environment]:
    """The class of a built-in, registered or plugged-in environment.

    Raises:
        ValueError: there is none.
    """
    return _resolve(name)[0]


def list_environments() -> list[tuple[str, str]]:
    """Names and one-line summaries: built-in, registered in this process, and installed plug-ins (not loaded)."""
    rows = {name: _summary(get_class(name)) for name in [*BUILT_IN, *_REGISTERED]}
    for name in plugged_in("environment"):
        point = entry_point("environment", name)
        rows.setdefault(name, f"plug-in {point.value if point else ''}")
    return sorted(rows.items())


def _summary(cls: type[Environment]) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]
