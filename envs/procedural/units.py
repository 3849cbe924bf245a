"""Unit conversion with exact factors; the answer carries its unit."""

from __future__ import annotations

import random
from fractions import Fraction

from envs.procedural.answers import read_fraction
from envs.registry import environment
from envs.types import Problem, unordered

# Each family: unit -> how many of the smallest unit it is.
FAMILIES: dict[str, dict[str, int]] = {
    "time": {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800},
    "length": {"millimetres": 1, "centimetres": 10, "metres": 1000, "kilometres": 1_000_000},
    "mass": {"milligrams": 1, "grams": 1000, "kilograms": 1_000_000, "tonnes": 10**9},
    "volume": {"millilitres": 1, "centilitres": 10, "litres": 1000, "hectolitres": 100_000},
    "imperial length": {"inches": 1, "feet": 12, "yards": 36, "miles": 63_360},
    "angle": {"arcseconds": 1, "arcminutes": 60, "degrees": 3600},
}


def _same_quantity(problem: Problem, answer: str) -> bool:
    number, _, unit = answer.strip().rstrip(".").rpartition(" ")
    expected, _, expected_unit = problem.answer.rpartition(" ")
    is_unit = unit.lower() in (expected_unit, expected_unit.removesuffix("s"), expected_unit.replace("tre", "ter"))
    return is_unit and read_fraction(number) == read_fraction(expected)


@environment("unit_conversion", levels=(1, 2, 3), ood_levels=(4,), verify=_same_quantity)
def unit_conversion(rng: random.Random, level: int) -> Problem:
    """Conversions: one factor (1), fractions (2), sums of two units (3), speeds and rates (4)."""
    family = rng.choice(sorted(FAMILIES))
    units = FAMILIES[family]
    if level == 4:
        return _convert_rate(rng)
    source, target = rng.sample(sorted(units), 2)
    count = Fraction(rng.randint(2, 400), 1 if level == 1 else rng.randint(2, 12))
    if level == 1:
        source, target = sorted((source, target), key=lambda unit: -units[unit])
    small = count * units[source]
    text, steps, asked = f"{count} {source}", [], [f"{count} {source}"]
    smallest = min(units, key=lambda unit: units[unit])
    if units[source] > 1:
        steps.append(f"in {smallest}: ({count}) * {units[source]} = {small}")
    if level == 3:
        other = rng.choice([unit for unit in units if unit != source])
        n = rng.randint(2, 90)
        text += f" and {n} {other}"
        asked.append(f"{n} {other}")
        steps.append(f"in {smallest}: {n} * {units[other]} = {n * units[other]}")
        steps.append(f"({small}) + {n * units[other]} = {small + n * units[other]}")
        small += n * units[other]
    value = small / units[target]
    steps.append(f"in {target}: ({small}) / {units[target]} = {value}")
    steps.append(f"{value} {target}")
    canonical = f"{unordered(*asked)} to {target}"
    return Problem(f"Convert {text} to {target}.", f"{value} {target}", tuple(steps), canonical=canonical)


def _convert_rate(rng: random.Random) -> Problem:
    lengths, times = FAMILIES[rng.choice(("length", "imperial length"))], FAMILIES["time"]
    (a, b), (s, t) = rng.sample(sorted(lengths), 2), rng.sample(sorted(times)[:4], 2)
    count = Fraction(rng.randint(2, 300))
    per_unit = count * Fraction(lengths[a], lengths[b])
    value = per_unit * Fraction(times[t], times[s])
    steps = [f"in {b}: {count} * {lengths[a]} / {lengths[b]} = {per_unit}"]
    steps.append(f"per {t.removesuffix('s')}: ({per_unit}) * {times[t]} / {times[s]} = {value}")
    unit = f"{b}/{t.removesuffix('s')}"
    return Problem(
        f"Convert {count} {a} per {s.removesuffix('s')} to {unit}.", f"{value} {unit}", (*steps, f"{value} {unit}")
    )
