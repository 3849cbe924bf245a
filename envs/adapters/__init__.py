"""Environments of other libraries; each library is an optional extra, imported when it is first needed."""

from __future__ import annotations

import importlib
from typing import Any


def need(module: str, *, extra: str) -> Any:
    """A module of an optional library.

    Raises:
        ModuleNotFoundError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        message = (
            f"{module.partition('.')[0]} is not installed ({error}): run pip install -e '.[{extra}]' in this project's "
            "folder"
        )
        raise ModuleNotFoundError(message, name=error.name) from error
