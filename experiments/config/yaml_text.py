"""YAML as configs are written in it: plain values, each key once, numbers as everyone means them, and no bombs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from experiments.run.errors import UserError

MAX_VALUES = 100_000  # of a text, anchors counted as often as they are used; the largest config has some hundred
MAX_DEPTH = 50  # mappings and lists within one another


class _Loader(yaml.SafeLoader):
    """YAML 1.1 with three of its traps taken out: 1e-4 is a number, 1:30 a text, and a key stands once."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The node of a mapping.

        Raises:
            ComposerError: a key stands twice, and the first would silently be lost.
        """
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines and name != "<<":
                raise yaml.composer.ComposerError(
                    None,
                    None,
                    f"{name!r} stands twice, in line {lines[name]} and in line {line}: the first would be lost; "
                    "write them as one",
                )
            lines[name] = line
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Carries out `<<`; raises ConstructorError where merges of merges grow beyond all measure."""
        super().flatten_mapping(node)
        if len(node.value) > MAX_VALUES:
            raise yaml.constructor.ConstructorError(None, None, f"a mapping has more than {MAX_VALUES:,} keys")


_NUMBER = re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$")
_SEXAGESIMAL = re.compile(r"^[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?$")
# resolvers are tried in order: ours stand before those of YAML 1.1 for the characters that numbers begin with
_Loader.yaml_implicit_resolvers = {
    first: (
        [
            ("tag:yaml.org,2002:str", _SEXAGESIMAL),  # 1:30 is no 90
            ("tag:yaml.org,2002:float", _NUMBER),
            *resolvers,
        ]
        if first in list("-+0123456789")
        else list(resolvers)
    )
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, what: str) -> Any:
    """The value of a YAML text.

    Args:
        what: the file or setting that it is, for messages.
    Raises:
        UserError: it is not YAML, too large or too deep, contains itself, or has a key twice or one that is no text.
    """
    try:
        value = yaml.load(text, Loader=_Loader)
        check_tree(value, what)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number or date that Python refuses
        raise UserError(f"{what} is not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise UserError(f"{what} is nested too deeply, or contains itself") from error
    return value


def check_tree(value: Any, what: str) -> None:
    """Refuses keys that are not text, and more values or levels than a config has: an anchor may repeat them.

    Raises:
        UserError: of the first of them.
    """
    waiting, count = [(value, 0)], 0
    while waiting:
        found, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise UserError(f"{what} is nested too deeply, or contains itself: more than {MAX_DEPTH} levels")
        if count > MAX_VALUES:
            raise UserError(f"{what} has more than {MAX_VALUES:,} values, those of anchors counted at each use")
        if isinstance(found, Mapping):
            for key, item in found.items():
                if not isinstance(key, str):
                    kind = type(key).__name__
                    raise UserError(f"{what}: the key {key!r} is a {kind}, expected text: write '{key}'")
                waiting.append((item, depth + 1))
        elif isinstance(found, list):
            waiting += [(item, depth + 1) for item in found]
