"""Objects of one's own by name: `package.module:attribute` or `path/to/file.py:attribute`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def load_attribute(name: str) -> Any:
    """What `name` means.

    Raises:
        ValueError: not of either form, no such module or file, or nothing of that name in it.
    """
    location, colon, attribute = name.rpartition(":")
    if not colon:
        raise ValueError(f"{name!r} is neither package.module:attribute nor path/to/file.py:attribute")
    try:
        module = _load_file(Path(location)) if location.endswith(".py") else importlib.import_module(location)
    except (ImportError, FileNotFoundError) as error:
        raise ValueError(f"cannot import {location!r}: {error}") from error
    if not hasattr(module, attribute):
        raise ValueError(f"{location!r} has no {attribute!r}")
    return getattr(module, attribute)


def _load_file(path: Path) -> ModuleType:
    """The module in a file, loaded once per process."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"no Python file at {path}")
    name = "plugin_file_" + path.as_posix().replace("/", "_").removesuffix(".py")
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} cannot be loaded as a module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # before it runs: dataclasses look their module up here
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
