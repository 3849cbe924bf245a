"""Environment classes from files, modules and attributes."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from envs.types import Environment

FILE_MODULE_PREFIX = "beyond_imitation_file_"


def load_file(path: str) -> ModuleType:
    """The module in a Python file, loaded once per process.

    Raises:
        ValueError: there is no such file.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise ValueError(f"environment file {path!r} does not exist (looked for {file})")
    name = FILE_MODULE_PREFIX + file.as_posix().replace("/", "_").removesuffix(".py")
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: pickle looks classes up here
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def attribute_of(module: ModuleType, attribute: str, ref: str) -> type[Environment]:
    """The environment class that a module holds under a (dotted) name.

    Raises:
        ValueError: there is none; `ref` is what the user wrote.
    """
    value: Any = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            candidates = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, Environment)]
            raise ValueError(f"{ref}: {module.__name__} has no attribute {attribute!r}{suggest(attribute, candidates)}")
        value = getattr(value, part)
    return as_class(value, ref)


def as_class(value: Any, ref: str) -> type[Environment]:
    """`value`, when it is an environment class.

    Raises:
        ValueError: it is not; `ref` is what the user wrote.
    """
    if isinstance(value, type) and issubclass(value, Environment):
        return value
    raise ValueError(f"{ref} is {value!r}, expected an Environment class or a function decorated with @environment")


def suggest(name: str, names: Sequence[str]) -> str:
    """`; did you mean 'x' or 'y'?`, or the empty string when nothing is near."""
    near = difflib.get_close_matches(name, list(dict.fromkeys(names)), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
