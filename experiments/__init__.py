"""Configs, launch, run folders, studies, comparison, report. Imports everything; nothing imports it.

`import experiments` loads nothing else; the first use of a name below loads what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.config.experiment import Experiment as Experiment
    from experiments.config.loading import load_experiment as load_experiment
    from experiments.report import write_report as write_report
    from experiments.results.compare import comparison as comparison
    from experiments.results.read import StudyResults as StudyResults
    from experiments.results.read import load_study as load_study
    from experiments.study.run import run_study as run_study

_HOMES = {  # a verb needs few of them, and each is slow to load
    "Experiment": "experiments.config.experiment",
    "StudyResults": "experiments.results.read",
    "comparison": "experiments.results.compare",
    "load_experiment": "experiments.config.loading",
    "load_study": "experiments.results.read",
    "run_study": "experiments.study.run",
    "write_report": "experiments.report",
}
__all__ = tuple(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'experiments' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
