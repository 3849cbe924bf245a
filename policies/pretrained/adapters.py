"""LoRA adapter folders, as peft writes them: merged into their base, or trained on.

An adapter folder names its base model; a base that lies beside it, or in it, is found there too, so that a folder may
be moved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Adapter:
    """A folder of adapter weights and the base that they belong to."""

    folder: Path
    base: str  # path or hub id
    rank: int


def adapter_of(path: str | Path) -> Adapter | None:
    """The adapter in a folder; None where the folder holds none.

    Raises:
        ValueError: it holds one whose config cannot be read, or that names no base, or that is no LoRA.
    """
    folder = Path(path)
    file = folder / ADAPTER_CONFIG
    if not file.is_file():
        return None
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        kind, base, rank = config["peft_type"], config["base_model_name_or_path"], config["r"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is not the config of a LoRA adapter: {error!r}") from error
    if kind != "LORA" or not isinstance(base, str) or not base or not isinstance(rank, int):
        raise ValueError(f"{file} has peft_type {kind!r}, base {base!r} and rank {rank!r}; expected LORA and its base")
    beside = [folder / base, folder.parent / Path(base).name, folder.parent / base]
    found = next((str(place) for place in beside if (place / "config.json").is_file()), base)
    return Adapter(folder, base if (Path(base) / "config.json").is_file() else found, rank)


def load_adapter(base: Any, adapter: Adapter, lora: Mapping[str, Any] | None) -> Any:
    """The base with its adapter: to be trained on where `lora` asks for adapters, merged into plain weights where not.

    Raises:
        ValueError: `lora` asks for another rank than the adapter has, or the adapter does not fit the base.
    """
    from peft import PeftModel

    if lora is not None and lora.get("r", adapter.rank) != adapter.rank:
        raise ValueError(
            f"the adapter in {adapter.folder} has rank {adapter.rank}, and lora_rank is {lora['r']}; set lora_rank to "
            f"{adapter.rank} to train it on, or to 0 to merge it and train all weights"
        )
    try:
        model = PeftModel.from_pretrained(base, str(adapter.folder), is_trainable=lora is not None)
    except (RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"the adapter in {adapter.folder} does not fit {adapter.base!r}: {reason}") from error
    return model if lora is not None else model.merge_and_unload()
