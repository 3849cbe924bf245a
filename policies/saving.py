"""Folders of models that are there whole or not at all, read and written without a word."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import transformers
from safetensors import SafetensorError


@contextlib.contextmanager
def saving(folder: str | Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` at the end of the block; into one that exists, file by file.

    A process that is killed leaves the folder of before, or none.

    Raises:
        OSError: the disk refuses, also where safetensors (written in Rust) says so in words of its own.
    """
    target = Path(folder)
    writing = target.with_name(f".{target.name}.{os.getpid()}.writing")
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir(parents=True)
    try:
        yield writing
        if target.exists():
            for file in writing.iterdir():
                os.replace(file, target / file.name)
        else:
            writing.rename(target)
    except SafetensorError as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(target)) from error
    finally:
        shutil.rmtree(writing, ignore_errors=True)  # gone already when all went well


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of transformers inside: they would tear a live display apart."""
    was_enabled = transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            transformers.logging.enable_progress_bar()
