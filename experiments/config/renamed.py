"""What configs and run folders of before called something else: one table, told by the loader and by whoever reads a
folder.

Nothing is translated silently: a name of before is refused, with what to write, or where to finish the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from experiments.run.errors import UserError

KEYS: dict[str, str] = {  # dotted key, `*` for any part -> the key of now
    "imitation.drill_share": "imitation.single_step_share",
    "tensorboard": "trackers: [tensorboard]",
    **{
        f"imitation.demonstrator.{place}{old}": f"imitation.demonstrator.{place}{new}"
        for place in ("", "writers.*.", "parts.*.", "parts.*.writers.*.")
        for old, new in (("slip", "error_rate"), ("leap_law", "size_law"))
    },
    **{
        f"{place}preference.annotator.{old}": f"{place}preference.annotator.{new}"
        for place in ("", "arms.*.")
        for old, new in (("audit", "perception"), ("taste", "style"), ("raters", "annotators"))
    },
    **{
        f"{place}rl.{old}": f"{place}rl.{new}"
        for place in ("", "arms.*.")
        for old, new in (
            ("fixed_lag", "fixed_staleness"),
            ("algorithm.max_refills", "algorithm.max_resamples"),
            ("algorithm.settings.max_refills", "algorithm.settings.max_resamples"),
        )
    },
}

VALUES = {  # (dotted key, value) -> the value of now
    **{
        (f"{place}rl.curriculum{name}", old): new
        for place in ("", "arms.*.")
        for name in ("", ".name")
        for old, new in (("edge", "learnability"), ("target", "target_success"))
    },
    ("arms.*.policy", "start"): "sft",
    ("arms.*.teacher", "start"): "sft",
}

FOLDERS = {  # pattern of a folder or file in the folder of a seed -> the name of now
    "start": "sft",
    "*/best-gold": "best-by-verifier",
    "*/same-kl": "kl-matched",
    **dict.fromkeys(("*/labeller.json", "*/*/labeller.json"), "label_report.json"),
}


def check_config(raw: Mapping[str, Any]) -> None:
    """Refuses names of before in a config as it was read.

    Raises:
        UserError: it has some; a line for each says what to write.
    """
    told = []
    for key, value in _leaves(raw, ()):
        told += [f"{key} is called {_named(new, key)} now" for old, new in KEYS.items() if _covers(old, key)]
        told += [
            f"{key}: {value!r} is called {new!r} now"
            for (place, old), new in VALUES.items()
            if value == old and _covers(place, key)
        ]
    if told:
        raise UserError("\n".join(dict.fromkeys(told)))


def check_folder_names(study: Path) -> None:
    """Refuses a study whose folders have names of before.

    Raises:
        UserError: with the folder, its name of now, and what to do.
    """
    for seed in sorted(study.glob("seed-*")):
        for old, new in FOLDERS.items():
            for found in seed.glob(old):
                raise UserError(
                    f"{found} is called {new} now: {study} was written by an earlier version; read it or go on with "
                    "that one (provenance.json has the commit), or run its config into a new folder"
                )


def _leaves(tree: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every key, those of mappings included."""
    for key, value in tree.items():
        here = (*place, str(key))
        yield ".".join(here), value
        if isinstance(value, Mapping):
            yield from _leaves(value, here)


def _covers(pattern: str, key: str) -> bool:
    parts, found = pattern.split("."), key.split(".")
    return len(parts) == len(found) and all(fnmatchcase(part, wanted) for wanted, part in zip(parts, found))


def _named(new: str, key: str) -> str:
    """The key of now, with the parts that the user chose."""
    given = key.split(".")
    return ".".join(own if part == "*" else part for part, own in zip(new.split("."), given))
