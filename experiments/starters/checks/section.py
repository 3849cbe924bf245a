from pathlib import Path

from experiments.report.own import own_sections

MINE = f"{Path(__file__).parent / 'mine.py'}:mine"


def test_it_makes_a_section_of_the_figures() -> None:
    headline = [{"arm": name, "sampled": {"value": value}} for name, value in (("sft", 0.5), ("rl", 0.75))]
    (section,) = own_sections([MINE], {"headline": headline})
    assert section["paragraphs"] == ["rl is right most often."]
