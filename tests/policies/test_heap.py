"""Memory that was freed is kept where a process asks for it, and goes back to the system when it says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from policies.heap import resident_bytes, trim_heap


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
    before = resident_bytes()
    trim_heap()
    assert before - resident_bytes() > 150_000_000
    libc.free(kept)


KEEPING = """
import ctypes, sys
sys.path.insert(0, {root!r})
from policies.heap import HeldHeap, resident_bytes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def freed(size):
    # bytes that the process has more after it used and freed so many
    before = resident_bytes()
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    libc.free(block)
    return resident_bytes() - before

start = resident_bytes()
mapped = freed(300_000_000)
heap = HeldHeap(slack=200_000_000)
kept = freed(100_000_000)
assert not heap.settle()
freed(300_000_000)
assert heap.settle()
print(mapped, kept, resident_bytes() - start)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_keeps_its_heap_gives_it_back_when_enough_has_gathered():
    import ctypes

    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("the C library has no such allocator")
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", KEEPING.format(root=root)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    mapped, kept, left = (int(x) for x in done.stdout.split())
    assert mapped < 50_000_000
    assert kept > 80_000_000
    assert left < 50_000_000
