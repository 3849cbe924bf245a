"""Files of the user's own that a config names, gathered for the machines of a cluster.

An environment in a file (`path/file.py:attribute`), its data files and further Python files beside it are laid out
under their paths relative to the current folder. Ray makes that layout the working directory of every worker, so the
same relative paths mean the same files everywhere.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from envs.types import EnvSpec
from experiments.config.sections import Component

MAX_BYTES = 256 << 20  # Ray refuses packages of 512 MiB


def gather(env: Component, folder: Path | None = None) -> Path | None:
    """A new folder with the files that an environment is made of; None where it names none below the current folder.

    Raises:
        ValueError: they are larger than MAX_BYTES together.
    """
    base = (folder or Path.cwd()).resolve()
    files = {path for text in _texts({"name": env.name, **env.settings}) for path in _files(text, base)}
    if not files:
        return None
    size = sum(path.stat().st_size for path in files)
    if size > MAX_BYTES:
        raise ValueError(
            f"the files that env {env.name!r} names have {size >> 20} MiB, and at most {MAX_BYTES >> 20} travel to the "
            "workers: put them where every machine of the cluster reads them, and name them by an absolute path"
        )
    target = Path(tempfile.mkdtemp(prefix="beyond-files-"))
    for path in sorted(files):
        copy = target / path.relative_to(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return target


def relative(spec: EnvSpec, folder: Path | None = None) -> EnvSpec:
    """The spec with paths below the current folder relative to it, as they are valid on every machine."""
    prefix = f"{(folder or Path.cwd()).resolve()}/"

    def shorten(value: Any) -> Any:
        """A text without the prefix, inside lists and mappings too."""
        if isinstance(value, str):
            return value.replace(prefix, "")
        if isinstance(value, Mapping):
            return {key: shorten(item) for key, item in value.items()}
        return [shorten(item) for item in value] if isinstance(value, (list, tuple)) else value

    return replace(spec, name=shorten(spec.name), settings=shorten(spec.settings))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _files(text: str, base: Path) -> Iterator[Path]:
    """Files below `base` that a reference names: itself, or what stands before or after one of its colons."""
    head, _, tail = text.partition("?")[0].partition(":")
    whole = text.partition("?")[0]
    for name in {whole, head, tail, whole.rpartition(":")[0], whole.rpartition(":")[2]}:
        if not name or "\n" in name or "\0" in name or len(name) > 1024:
            continue
        path = (base / name).resolve()
        if not path.suffix and name == head:  # package.module:attribute
            path = (base / name.replace(".", "/")).with_suffix(".py")
        if path.is_file() and path.is_relative_to(base):
            yield path
            if path.suffix == ".py":
                yield from (other for other in path.parent.glob("*.py") if other.is_file())
