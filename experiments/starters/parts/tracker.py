import json
from collections.abc import Mapping

from experiments.run.trackers import TrackedStage


class Mine:
    """Appends every step's metrics to a file of lines; send them wherever you keep yours."""

    def __init__(self, run: TrackedStage, name: str = "mine.jsonl") -> None:
        run.folder.mkdir(parents=True, exist_ok=True)
        self.file = run.folder / name

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Called with the numbers of each step; one that raises is told and called no more in this stage."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")

    def close(self) -> None:
        """Called at the end of the stage; may be left out."""
