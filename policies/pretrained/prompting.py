"""Does a model read messages? And settings of its chat template, written into the template once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import transformers

from policies.pretrained.adapters import adapter_of
from policies.pretrained.fetch import located, shipped


def has_chat_template(path_or_id: str | Path, *, trust_remote_code: bool = False) -> bool:
    """Whether the tokenizer of a policy has a chat template; a folder is only read, a hub id is asked for.

    Raises:
        OSError, ValueError: no tokenizer can be had there.
    """
    adapter = adapter_of(path_or_id)
    where = Path(located(path_or_id if adapter is None else adapter.base))
    if where.is_dir():
        if (where / "chat_template.jinja").is_file():
            return True
        file = where / "tokenizer_config.json"
        try:
            return bool(file.is_file() and json.loads(file.read_text(encoding="utf-8")).get("chat_template"))
        except (ValueError, AttributeError) as error:
            raise ValueError(f"{file} cannot be read as JSON: {error}") from error
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(where), trust_remote_code=trust_remote_code)
    return bool(tokenizer.chat_template)


def is_tiny(path_or_id: str | Path) -> bool:
    """Whether a folder holds a policy from scratch (policies/tiny.py), whose tokenizer knows words or characters alone.

    Raises:
        ValueError: its tokenizer cannot be read.
    """
    file = (shipped(str(path_or_id)) or Path(path_or_id)) / "tokenizer.json"
    try:
        return file.is_file() and json.loads(file.read_text(encoding="utf-8"))["model"]["type"] == "WordLevel"
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} cannot be read as a tokenizer: {error!r}") from error


def with_template_settings(tokenizer: Any, settings: Mapping[str, Any]) -> None:
    """Writes values of a chat template's variables (`enable_thinking`) into the tokenizer's template.

    A folder that is saved from here on carries them, so that workers, exports and later runs write the same prompts.

    Raises:
        ValueError: the tokenizer has no chat template, or one that does not read a variable, or a value is no plain
            JSON value.
    """
    if not settings:
        return
    if not tokenizer.chat_template:
        raise ValueError(f"chat_template_kwargs sets {', '.join(settings)}, and the model has no chat template")
    lines = []
    for name, value in settings.items():
        if not name.isidentifier() or not (value is None or isinstance(value, bool | int | float | str)):
            raise ValueError(f"chat_template_kwargs.{name} is {value!r}, expected true, false, a number or text")
        if not re.search(rf"\b{name}\b", tokenizer.chat_template):
            raise ValueError(f"chat_template_kwargs sets {name}, which the model's chat template does not read")
        literal = "none" if value is None else json.dumps(value)  # jinja writes true, false, numbers, text as JSON does
        lines.append(f"{{%- set {name} = {literal} -%}}")
    tokenizer.chat_template = "".join(lines) + tokenizer.chat_template
