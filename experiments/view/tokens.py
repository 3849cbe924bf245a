"""The text of each token, by the tokenizer that lies beside a run's policy; no model is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer


def token_texts(study: Path, log: str, tokens: Sequence[int]) -> list[str]:
    """One text a token; `#12` for each where no tokenizer can be read."""
    loaded = (_load(str(file), file.stat().st_mtime_ns) for file in _tokenizer_files(study, log))
    tokenizer = next((found for found in loaded if found is not None), None)
    if tokenizer is None:
        return [f"#{token}" for token in tokens]
    texts = [tokenizer.decode([token], skip_special_tokens=False) for token in tokens]
    gap = "" if any(" " in text for text in texts) else " "  # a tokenizer of whole words drops the space between them
    return [(text or f"#{token}") + gap for text, token in zip(texts, tokens)]


def _tokenizer_files(study: Path, log: str) -> Iterator[Path]:
    """Every `tokenizer.json`, the nearest first: of the arm's own policies, then of the seed's start."""
    folder = study / log
    while folder != study and study in folder.parents:
        folder = folder.parent
        for pattern in ("policy/tokenizer.json", "untrained/tokenizer.json", "*/policy/tokenizer.json"):
            yield from sorted(folder.glob(pattern))


@lru_cache(maxsize=16)
def _load(path: str, changed: int) -> Tokenizer | None:
    try:
        return Tokenizer.from_file(path)
    except Exception:  # tokenizers raises bare Exception for whatever is wrong with a file; numbers are shown then
        return None
