"""Code of one's own by name: `package.module:attribute` or `path/to/file.py:attribute`, and what may be named.

A caller in Python vouches for what it names. A config does not: while one is read, `trusting_only` allows files below
given folders (the current one, by default), modules found there, and packages that are installed as plug-ins (they
declare an entry point of this project). What else a person trusts stands in the environment variable BEYOND_TRUST.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import json
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from verifiers.neighbours import check_neighbours, make_importable
from verifiers.watching import FILE_MODULE_PREFIX, LOADING_PATIENCE, running

ENTRY_POINT_GROUP = "beyond_imitation."  # groups of plug-ins begin with it
OURS = ("verifiers", "envs", "policies", "rl", "experiments")  # packages of this project
TRUST = "BEYOND_TRUST"  # folders and packages, separated like those of PATH

_ONLY = "BEYOND_TRUST_ONLY"  # list of folders, in JSON; the processes that this one starts to grade obey it too


def _trusted() -> list[Path] | None:
    """Folders whose code a config may name; None: all code."""
    told = os.environ.get(_ONLY)
    return None if told is None else [Path(folder) for folder in json.loads(told)]


def load_attribute(name: str) -> Any:
    """What `name` means; the attribute may be dotted.

    Raises:
        ValueError: not of either form, no such module or file, or nothing of that name in it.
    """
    location, colon, attribute = name.rpartition(":")
    if not colon:
        raise ValueError(f"{name!r} is neither package.module:attribute nor path/to/file.py:attribute")
    check_trusted(location)
    is_ours = location.partition(".")[0] in OURS and not location.endswith(".py")
    try:
        with nullcontext() if is_ours else running(f"{name}, while it is loaded", seconds=LOADING_PATIENCE):
            value: Any = load_module(location)
    except (ImportError, FileNotFoundError) as error:
        raise ValueError(f"cannot import {location!r}: {error}") from error
    except (Exception, SystemExit) as error:  # whatever stands at the top of somebody's file
        raise ValueError(f"cannot import {location!r}: {type(error).__name__}: {error}{_line(error)}") from error
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise ValueError(f"{location!r} has no attribute {attribute!r}{suggest(part, dir(value))}")
        value = getattr(value, part)
    _check_home(name, value)
    return value


def _check_home(name: str, value: Any) -> None:
    """Refuses what a trusted file merely imports: `my_file.py:os.system` is not the file's own.

    Raises:
        ValueError: it is a module, or a function or class of a module that is not trusted.
    """
    if _trusted() is None or not (inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)):
        return
    home = str(getattr(value, "__module__", None) or getattr(value, "__name__", ""))
    if home.startswith(FILE_MODULE_PREFIX) or (home.partition(".")[0] in OURS and inspect.isclass(value)):
        return
    try:
        check_trusted(home)
    except ValueError:
        raise ValueError(
            f"{name!r} is {home}.{getattr(value, '__qualname__', '')}, which that file only imports, and a config may "
            "name what a trusted file defines: wrap it in a function there"
        ) from None


def _line(error: BaseException) -> str:
    """Where an error was raised; a syntax error says so itself."""
    if isinstance(error, SyntaxError) or error.__traceback__ is None:
        return ""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({frame.filename}:{frame.lineno})"


def load_module(location: str) -> ModuleType:
    """The module of a dotted name, or of a path that ends in `.py`.

    Raises:
        ValueError: it is not trusted.
        ImportError, FileNotFoundError: it cannot be imported.
    """
    check_trusted(location)
    return load_file(location) if location.endswith(".py") else importlib.import_module(location)


def load_file(path: str | Path) -> ModuleType:
    """The module in a Python file, loaded once per process; a module that fails to load leaves nothing behind.

    It may import from the files beside it.

    Raises:
        ValueError: it is not trusted.
        FileNotFoundError: there is no such file.
        ImportError: it cannot be loaded as a module, or imports another in place of one beside it.
    """
    check_trusted(str(path))
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
    make_importable(file.parent)
    try:
        spec.loader.exec_module(module)
        check_neighbours(file, OURS)
    except BaseException:  # whatever the user's file raised: half a module must not stay
        del sys.modules[name]
        raise
    return module


@contextmanager
def trusting_only(folders: Iterable[Path]) -> Iterator[None]:
    """Inside, only code below these folders, of installed plug-ins, and of BEYOND_TRUST can be loaded by name.

    The same holds in processes that are started inside.
    """
    before = os.environ.get(_ONLY)
    os.environ[_ONLY] = json.dumps([str(folder.resolve()) for folder in folders])
    try:
        yield
    finally:
        del os.environ[_ONLY]
        if before is not None:
            os.environ[_ONLY] = before


def check_trusted(location: str) -> None:
    """Refuses a module or file that nobody has vouched for; imports nothing.

    Raises:
        ValueError: it is not trusted.
    """
    trusted = _trusted()
    if trusted is None:
        return
    extra = [entry for entry in os.environ.get(TRUST, "").split(os.pathsep) if entry]
    folders = [*trusted, *(Path(entry).expanduser().resolve() for entry in extra if os.sep in entry)]
    if location.endswith(".py"):
        is_trusted = _is_below(Path(location).expanduser().resolve(), folders)
        what = str(Path(location).expanduser().resolve().parent)
    else:
        top = what = location.partition(".")[0]
        is_trusted = top in extra or top in _plugin_packages() or any(_is_below(p, folders) for p in _places(top))
    if not is_trusted:
        raise ValueError(
            f"{location!r} is neither below {' or '.join(map(str, trusted))} nor an installed plug-in, and a config "
            f"may name no other code. If you trust it: {TRUST}={what} beyond ..."
        )


def _is_below(path: Path, folders: Sequence[Path]) -> bool:
    """Whether a file is in one of the folders, and not in the library of a Python that lies there too."""
    if not any(path.is_relative_to(folder) for folder in folders):
        return False
    libraries = (Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib"))
    return not any(path.is_relative_to(library) for library in libraries)


def _places(top: str) -> list[Path]:
    """Where a top-level module is, without importing it; empty where there is none, or it is built in."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    places = [spec.has_location and spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return [Path(place).resolve() for place in places if place]


def _plugin_packages() -> set[str]:
    """Top-level packages that declare an entry point of this project."""
    groups = [group for group in entry_points().groups if group.startswith(ENTRY_POINT_GROUP)]
    points = [point for group in groups for point in entry_points(group=group)]
    return {point.value.partition(":")[0].partition(".")[0] for point in points}


def suggest(name: str, names: Iterable[str], *, most: int = 3) -> str:
    """`; did you mean 'x' or 'y'?`, with up to `most` names; the empty string when nothing is near."""
    near = difflib.get_close_matches(name, list(dict.fromkeys(names)), n=most, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
