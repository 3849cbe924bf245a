"""Files that are there whole or not at all, and what to tell a person when the disk refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and resume",
    errno.EDQUOT: "the disk quota is used up: free some space and resume",
    errno.EFBIG: "a limit on file sizes was reached (ulimit -f): raise it and resume",
    errno.EACCES: "permission denied: make the folder writable and resume",
    errno.EPERM: "permission denied: make the folder writable and resume",
    errno.EROFS: "the file system is read-only: choose another run folder",
    errno.EIO: "the disk reports an error of its own (EIO): look at the disk before you resume",
    errno.EISDIR: "a folder stands where a file is expected: remove it, or restore the file, and resume",
    errno.ENOTDIR: "a file stands where a folder is expected: remove it, or restore the folder, and resume",
    errno.ENAMETOOLONG: "the name is too long for the file system: choose a shorter one",
    errno.EMFILE: "too many open files (ulimit -n): raise the limit and resume",
}


def disk_advice(error: OSError) -> str:
    """What happened, and what to do."""
    return ADVICE.get(error.errno or 0, f"{error.strerror or error}: correct it and resume")


def write_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Writes beside `path` and renames: a reader, or a run that is killed, finds the old content or the new.

    Args:
        durable: wait until the content is on the disk: it outlives a power failure too.
    Raises:
        OSError: of the disk; what was there before is intact, and nothing half-written is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # whatever it is goes on its way; the half-written file does not
        temporary.unlink(missing_ok=True)
        raise


def flush(path: Path) -> None:
    """Waits until the content of a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
