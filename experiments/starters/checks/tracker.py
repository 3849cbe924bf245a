from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.config.sections import Component
from experiments.run.trackers import TrackedStage, tracker_class

MINE = f"{Path(__file__).parent / 'mine.py'}:Mine"


def test_it_takes_the_numbers_of_a_step() -> None:
    with TemporaryDirectory() as folder:
        stage = TrackedStage("study", 0, "rl", Path(folder), {})
        tracker = tracker_class(Component(name=MINE))(stage)
        for step in (1, 2):
            tracker.log({"reward/mean": 0.5}, step)
        (file,) = Path(folder).iterdir()
        assert len(file.read_text().splitlines()) == 2
