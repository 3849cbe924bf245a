"""GGUF files as Hugging Face folders: dequantised to float32 once, kept under the hash of the file.

The weights of a quantised file are those of the blocks' scales: training goes on from there in full precision.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Any

import torch
import transformers

from policies.saving import quiet, saving

MAGIC = b"GGUF"


def cache_folder() -> Path:
    """Where fetched and converted models are kept: $XDG_CACHE_HOME/beyond-imitation/models, or ~/.cache/..."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "beyond-imitation" / "models"


def is_gguf(path: str | Path) -> bool:
    """Whether this is an existing file in GGUF form, by its first bytes."""
    file = Path(path)
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(4) == MAGIC


def convert(file: Path, folder: Path) -> None:
    """Write the model and tokenizer of a GGUF file as a folder that transformers loads, in float32.

    Raises:
        ValueError: the file is of an architecture that transformers does not read, or damaged.
        OSError: the disk refuses.
    """
    where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        with quiet():
            model: Any = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
            tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
    except (ValueError, LookupError, NotImplementedError, RuntimeError, OverflowError, struct.error) as error:
        raise ValueError(f"cannot read {str(file)!r} as a GGUF model: {' '.join(str(error).split())[:200]}") from error
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # of the file: these weights are dequantised, and are to be saved
    model.is_quantized = False
    model.hf_quantizer = None
    with saving(folder) as writing, quiet():
        model.save_pretrained(writing)
        tokenizer.save_pretrained(writing)


def converted(file: str | Path) -> Path:
    """The folder of a GGUF file's model, converted on first use.

    Raises:
        ValueError, OSError: as `convert`.
    """
    path = Path(file).resolve()
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    folder = cache_folder() / f"gguf-{digest[:16]}"
    if not (folder / "config.json").exists():
        convert(path, folder)
    return folder
