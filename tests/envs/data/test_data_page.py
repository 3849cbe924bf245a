"""docs/data.md names every setting of every environment that is made from data or another library."""

import inspect
import re
from pathlib import Path

import pytest

from envs.data.jsonl import TableEnvironment
from envs.registry import get_class

PAGE = (Path(__file__).parents[3] / "docs/data.md").read_text()
NAMES = ("jsonl", "hf", "gsm8k", "math", "rg", "gym", "openenv", "mixture")


def parameters(cls):
    return [p for p in inspect.signature(cls).parameters if p != "columns"]


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_there_and_no_other(name):
    section = PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
    wanted = parameters(get_class(name)) + (parameters(TableEnvironment) if name == "jsonl" else [])
    assert sorted(told) == sorted(wanted)
