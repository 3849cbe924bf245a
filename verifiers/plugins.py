"""Objects of one's own by name: `package.module:attribute` or `path/to/file.py:attribute`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

FILE_MODULE_PREFIX = "beyond_imitation_file_"


def load_attribute(name: str) -> Any:
    """What `name` means; the attribute may be dotted.

    Raises:
        ValueError: not of either form, no such module or file, or nothing of that name in it.
    """
    location, colon, attribute = name.rpartition(":")
    if not colon:
        raise ValueError(f"{name!r} is neither package.module:attribute nor path/to/file.py:attribute")
    try:
        value: Any = load_file(location) if location.endswith(".py") else importlib.import_module(location)
    except (ImportError, FileNotFoundError) as error:
        raise ValueError(f"cannot import {location!r}: {error}") from error
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise ValueError(f"{location!r} has no attribute {attribute!r}{suggest(part, dir(value))}")
        value = getattr(value, part)
    return value


def load_file(path: str | Path) -> ModuleType:
    """The module in a Python file, loaded once per process; a module that fails to load leaves nothing behind.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: it cannot be loaded as a module.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise FileNotFoundError(f"no Python file at {file} (given as {str(path)!r})")
    name = FILE_MODULE_PREFIX + file.as_posix().replace("/", "_").removesuffix(".py")
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and pickle look their module up here
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def suggest(name: str, names: Sequence[str]) -> str:
    """`; did you mean 'x' or 'y'?`, or the empty string when nothing is near."""
    near = difflib.get_close_matches(name, list(dict.fromkeys(names)), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
