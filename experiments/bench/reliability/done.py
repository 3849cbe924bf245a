"""What an attack has done already, so that it may be run in pieces: rows by part and name, each with the code's commit.

What failed is done again by the next call; what passed is kept, whatever changed since: `commit` says with which code.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.run.folders import read_json, write_json
from experiments.study.provenance import provenance

ROWS, CURRENT = "done.jsonl", "current.json"


class Done:
    """The rows in a folder.

    Args:
        anew: without those that are there.
    """

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        if anew:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        made_by = provenance()
        self.commit = f"{made_by['commit']}{' and changes' if made_by['uncommitted'] else ''}"
        self._rows: dict[str, dict[str, dict[str, Any]]] = {}
        if (folder / ROWS).exists():
            for line in (folder / ROWS).read_text().splitlines():
                row = json.loads(line)
                self._rows.setdefault(row["part"], {})[row["name"]] = row

    def has(self, part: str, name: str) -> bool:
        """Whether it was done and did not fail."""
        row = self._rows.get(part, {}).get(name)
        return row is not None and not row["is_failed"]

    def add(self, part: str, name: str, row: Mapping[str, Any], *, is_failed: bool) -> None:
        """Keeps a row; one of the same name is replaced."""
        kept = {"part": part, "name": name, "commit": self.commit, "is_failed": is_failed, **row}
        self._rows.setdefault(part, {})[name] = kept
        with (self.folder / ROWS).open("a") as file:
            file.write(json.dumps(kept) + "\n")

    def rows(self, part: str) -> dict[str, dict[str, Any]]:
        """name -> the last row of a part."""
        return dict(self._rows.get(part, {}))

    def fresh_folder(self, part: str) -> Path:
        """An empty folder for a part's studies."""
        shutil.rmtree(self.folder / part, ignore_errors=True)
        (self.folder / part).mkdir()
        return self.folder / part

    def is_current(self, part: str) -> bool:
        """Whether the studies of a part were made by this commit, without changes."""
        path = self.folder / CURRENT
        return path.exists() and read_json(path).get(part) == self.commit and "changes" not in self.commit

    def set_current(self, part: str) -> None:
        """The studies of a part were made by this commit."""
        path = self.folder / CURRENT
        write_json(path, {**(read_json(path) if path.exists() else {}), part: self.commit})
