from pathlib import Path

from envs import make
from envs.check.conformance import check_environment

HERE = Path(__file__).parent


def test_it_keeps_its_promises() -> None:
    report = check_environment(make(f"{HERE / 'mine.py'}:mine"), num=40)
    assert report.is_ok, report.text()
