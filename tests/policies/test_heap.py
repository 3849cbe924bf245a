"""Memory that was freed goes back to the system."""

import sys

import pytest

from policies.heap import trim_heap


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_blocks_below_a_kept_one_go_back():
    import ctypes

    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("the C library keeps nothing that could be given back")
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    size = 100_000  # below the size from which on glibc maps blocks of their own
    blocks = [libc.malloc(size) for _ in range(2000)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    kept = blocks.pop()
    for block in blocks:
        libc.free(block)
    before = resident()
    trim_heap()
    assert before - resident() > 150_000_000
    libc.free(kept)
