"""What a file of one's own imports from beside it: its folder can be imported from, as that of a script can.

The folder comes last, so that nothing installed is hidden by a file of the same name there. Where such a file is meant
and another module came in its place, that is refused: a process has one module of a name.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from pathlib import Path


def make_importable(folder: Path) -> None:
    """Adds a folder to where this process, and those that it starts to grade, import from."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def imported_names(source: bytes) -> Iterator[str]:
    """Dotted names of the modules that a file imports, anywhere in it; of `from . import x`, x; none of no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # told by whoever loads it
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from [node.module] if node.module else (alias.name for alias in node.names)


def check_neighbours(file: Path, others: Collection[str]) -> None:
    """Refuses a module that stands in for one beside the file.

    Args:
        file: loaded already, resolved.
        others: top-level names that are never meant to be beside it, besides those of the standard library.
    Raises:
        ImportError: the file imports a name that a file beside it has, and this process has another module by it.
    """
    for name in sorted({dotted.partition(".")[0] for dotted in imported_names(file.read_bytes())}):
        if name in others or name in sys.stdlib_module_names:
            continue
        beside = [file.parent / f"{name}.py", file.parent / name / "__init__.py"]
        origin = getattr(sys.modules.get(name), "__file__", None)
        if origin is None or Path(origin).resolve() in beside:
            continue
        if meant := next((near for near in beside if near.is_file()), None):
            raise ImportError(
                f"it imports {name!r}, which is {origin} in this process and not {meant} beside it: rename that file"
            )
