"""Metrics of one's own: functions of a step's rewarded groups, recorded as `own/<name>` beside the project's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rl.types import Group, as_number
from verifiers.parts import find_part

MetricFunction = Callable[[Sequence[Group]], Mapping[str, float]]


class MetricError(ValueError):
    """A metric of one's own raised, or gave something else than numbers by name."""


def find_metrics(names: Sequence[str]) -> dict[str, MetricFunction]:
    """The functions by the names that a config gives them, as in verifiers/parts.py.

    Raises:
        ValueError: there is none of a name, or it cannot be called.
    """
    found = {name: find_part("metric", name, {}) for name in names}
    for name, function in found.items():
        if not callable(function):
            raise ValueError(f"metric {name!r} is {function!r:.60}, expected a function (groups) -> {{name: number}}")
    return found


def own_metrics(functions: Mapping[str, MetricFunction], groups: Sequence[Group]) -> dict[str, float]:
    """`own/<name>` for everything that the functions measure.

    Raises:
        MetricError: one of them raised, gave no numbers by name, or a name that another one gave already.
    """
    measured: dict[str, float] = {}
    for where, function in functions.items():
        try:
            given = function(groups)
            row = {f"own/{key}": as_number(value, f"{key!r}") for key, value in given.items()}
        except Exception as error:  # whatever somebody's metric raises is told in the same way
            raise MetricError(f"metric {where}: {type(error).__name__}: {error}") from error
        if again := sorted(measured.keys() & row.keys()):
            raise MetricError(f"metric {where}: another metric measures {again[0].removeprefix('own/')!r} already")
        measured |= row
    return measured
