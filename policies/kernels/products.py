"""Which library multiplies float32 matrices on a CPU.

Torch's default is MKL, which on AMD processors uses half of the vector width. oneDNN, torch's other library, uses all
of it, in float32 arithmetic where the processor has no matrix unit for a narrower type; torch reaches it by the setting
that would permit such a type. Calls are dearer, and attention makes many small ones: `fast_products` is for passes
whose attention is native (native_attention.py).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

SIZE = 256  # of the square product that is checked
LARGEST_ERROR = 4.0  # times that of MKL's product


@contextlib.contextmanager
def fast_products() -> Iterator[None]:
    """Float32 products inside go through oneDNN where `onednn_is_exact()`; the setting is the process's own."""
    if not onednn_is_exact():
        yield
        return
    with _permitted():
        yield


@functools.cache
def onednn_is_exact() -> bool:
    """True when oneDNN multiplies float32 matrices in float32 on this processor, whatever it is permitted."""
    info = Path("/proc/cpuinfo")
    if not info.exists() or "amx_" in info.read_text() or not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIZE, SIZE, generator=generator) for _ in range(2))
    exact = a.double() @ b.double()

    def error() -> float:
        """The largest error of a product, under the setting in force."""
        return float((a @ b - exact).abs().max())

    usual = error()
    with _permitted():
        return error() <= LARGEST_ERROR * usual


@contextlib.contextmanager
def _permitted() -> Iterator[None]:
    settings: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = before
