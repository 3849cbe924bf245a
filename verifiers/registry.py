"""Verifiers by name, so that a config, a command line or a worker process can say which one."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from verifiers.function import FunctionVerifier, is_function_of_a_pair
from verifiers.parts import find_part
from verifiers.types import Verifier

BUILT_IN = {
    "symbolic": "verifiers.judges.symbolic:SymbolicVerifier",
    "numeric": "verifiers.judges.numeric:NumericVerifier",
    "exact": "verifiers.judges.exact:ExactVerifier",
    "choice": "verifiers.judges.choice:ChoiceVerifier",
    "constraint": "verifiers.judges.constraint:ConstraintVerifier",
    "substitution": "verifiers.judges.substitution:SubstitutionVerifier",
    "antiderivative": "verifiers.judges.antiderivative:AntiderivativeVerifier",
    "grid": "verifiers.judges.grid:GridVerifier",
    "steps": "verifiers.judges.steps:StepsVerifier",
    "format": "verifiers.judges.format:FormatVerifier",
    "weighted": "verifiers.judges.combine:WeightedVerifier",
    "all_of": "verifiers.judges.combine:AllOf",
    "any_of": "verifiers.judges.combine:AnyOf",
}


def make(name: str, **settings: Any) -> Verifier:
    """The verifier called `name`, made with `settings`.

    Args:
        name: a built-in name (`list_verifiers`), "package.module:attribute" or "path/to/file.py:attribute"; the
            attribute is a class or function that takes the settings, a verifier itself, or a function
            (response, answer, **settings) that says whether the response is right.
        settings: keyword arguments of that verifier.
    Raises:
        ValueError: no such name or attribute, or a setting that it does not take.
        TypeError: what was found is no verifier.
    """
    found = _built_in(name) if name in BUILT_IN else find_part("verifier", name, BUILT_IN)
    if is_function_of_a_pair(found, settings):
        found = FunctionVerifier(found, name, settings)
    elif isinstance(found, type) or not isinstance(found, Verifier):
        found = _call(found, name, settings)
    elif settings:
        raise ValueError(f"{name!r} is a verifier already made; it takes no settings, got {sorted(settings)}")
    if not isinstance(found, Verifier):
        raise TypeError(f"{name!r} gave {found!r}, which has no method verify(response, answer)")
    return found


def _built_in(name: str) -> Any:
    module, _, attribute = BUILT_IN[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def list_verifiers() -> list[tuple[str, str]]:
    """(name, first line of its documentation) of every built-in verifier."""
    return [(name, (inspect.getdoc(_built_in(name)) or "").partition("\n")[0]) for name in BUILT_IN]


def _call(factory: Any, name: str, settings: dict[str, Any]) -> Any:
    if not callable(factory):
        raise TypeError(f"{name!r} is {factory!r}: neither a verifier nor a class or function that makes one")
    try:
        inspect.signature(factory).bind(**settings)
    except TypeError as error:
        known = ", ".join(inspect.signature(factory).parameters)
        raise ValueError(
            f"verifier {name!r} does not take {settings}: {error}; its settings: {known or 'none'}"
        ) from error
    return factory(**settings)
