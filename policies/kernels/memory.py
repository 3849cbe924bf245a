"""Memory for what the kernels read from end to end in every pass."""

from __future__ import annotations

import ctypes
import mmap

import torch
from torch import Tensor


def large_block(floats: int) -> Tensor:
    """[floats] float32, not initialised; in pages of megabytes where Linux offers them to those who ask.

    What is read from end to end in every pass is read a few percent faster: the processor looks up fewer addresses.
    """
    block = torch.empty(floats)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        start = -(-block.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        length = block.data_ptr() + block.nbytes - start
        if length > 0:
            advise = ctypes.CDLL(None).madvise
            advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
            advise(start, length, mmap.MADV_HUGEPAGE)  # advice: where it is not taken, pages are small
    return block
