"""Where a command writes: looked at before the work, so that nothing is computed and then lost."""

from __future__ import annotations

from pathlib import Path

from experiments.run.errors import UserError


def output_file(path: Path | None) -> None:
    """Makes the folder of a file that the command will write.

    Raises:
        UserError: the path is a folder, or its folder cannot be made.
    """
    if path is None:
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder, expected the path of a file to write, e.g. {path / 'out.jsonl'}")
    output_folder(path.parent)


def output_folder(path: Path) -> None:
    """Makes a folder that the command will write into.

    Raises:
        UserError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "there is a file of that name" if isinstance(error, FileExistsError) else error.strerror or error
        raise UserError(f"cannot make the folder {path}: {reason}") from error
