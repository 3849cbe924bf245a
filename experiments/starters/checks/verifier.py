from pathlib import Path

import verifiers

MINE = verifiers.make(f"{Path(__file__).parent / 'mine.py'}:Mine")


def test_it_accepts_its_reference_and_refuses_another() -> None:
    assert MINE.verify("#### Paris", "paris").is_correct
    assert not MINE.verify("#### Rome", "paris").is_correct


def test_nothing_a_response_says_makes_it_raise() -> None:
    for response in ("", "####", r"\boxed{", "#### " + "9" * 5000, "\x00", "#### \ud83d"):
        assert not MINE.verify(response, "paris").is_correct
