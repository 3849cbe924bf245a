"""Files of responses, row by row, for `experiments.cli.verify`. An unusable row is an error with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.data.json_lines import read_json_lines

TRUE_LABELS = frozenset({"true", "1", "correct", "yes"})
FALSE_LABELS = frozenset({"false", "0", "incorrect", "wrong", "no"})
GSM8K_MARKER = "A:"


@dataclass(frozen=True)
class Row:
    """One response to grade. `line` counts from 1; `label` is None where the file has none; `group`: its source."""

    line: int
    response: str
    answer: str
    label: bool | None = None
    group: str = ""


def read_jsonl(path: Path, *, response_field: str, answer_field: str, label_field: str | None) -> Iterator[Row]:
    """One row per line; fields are dotted paths (`solutions.0.text`).

    Raises:
        ValueError: a line is no JSON object or lacks a field, with file and line.
    """
    for line, data in read_json_lines(path):
        response, answer = (str(_dig(data, name, path, line)) for name in (response_field, answer_field))
        label = None if label_field is None else _label(_dig(data, label_field, path, line), path, line)
        yield Row(line, response, answer, label)


def read_gsm8k_solutions(path: Path) -> Iterator[Row]:
    """The labelled outputs published with GSM8K: each line holds several systems' solutions of one question.

    The answer follows `A:`, in the systems' solutions and in the ground truth
    (github.com/openai/grade-school-math at 3101c7d, example_model_solutions.jsonl).
    """
    for line, data in read_json_lines(path):
        truth = str(_dig(data, "ground_truth", path, line))
        answer = truth.rpartition(GSM8K_MARKER)[2].strip()
        systems = [name for name, value in data.items() if isinstance(value, dict) and "solution" in value]
        if not systems:
            raise ValueError(f'{path}:{line}: no system; expected fields like {{"solution": ..., "is_correct": ...}}')
        for name in systems:
            label = _label(data[name].get("is_correct"), path, line)
            yield Row(line, str(data[name]["solution"]), answer, label, name)


def _dig(data: Any, name: str, path: Path, line: int) -> Any:
    """The value at a dotted path; a key that itself contains dots is found too."""
    if isinstance(data, dict) and name in data:
        return data[name]
    value = data
    for part in name.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            known = ", ".join(data) if isinstance(data, dict) else "none"
            raise ValueError(f"{path}:{line}: no field {name!r}; fields are: {known}")
    return value


def _label(value: Any, path: Path, line: int) -> bool:
    text = str(value).strip().lower()
    if text in TRUE_LABELS | FALSE_LABELS:
        return text in TRUE_LABELS
    raise ValueError(f"{path}:{line}: label {value!r} is neither right nor wrong; write true or false")
