"""Units of measure and money as dimensions: 5 km equals 5000 m, and is neither 5 m nor 5 s.

A unit is canonical text (`cm^2`, `km/h`). Its dimension is a mapping of base units to exponents; its size is exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_F = Fraction


@dataclass(frozen=True)
class Dimension:
    """`size` base units of the given kind: (("m", 2),) with 1/10000 is the square centimetre."""

    size: Fraction
    powers: tuple[tuple[str, int], ...]


# name -> (size, base). The first name of each row is canonical.
_TABLE: tuple[tuple[str, str, Fraction, str], ...] = (
    ("m", "meter meters metre metres", _F(1), "length"),
    ("km", "kilometer kilometers kilometre kilometres kms", _F(1000), "length"),
    ("dm", "decimeter decimeters decimetre decimetres", _F(1, 10), "length"),
    ("cm", "centimeter centimeters centimetre centimetres cms", _F(1, 100), "length"),
    ("mm", "millimeter millimeters millimetre millimetres", _F(1, 1000), "length"),
    ("um", "micrometer micrometers micron microns", _F(1, 10**6), "length"),
    ("nm", "nanometer nanometers", _F(1, 10**9), "length"),
    ("inch", "inches", _F(254, 10000), "length"),
    ("ft", "foot feet", _F(3048, 10000), "length"),
    ("yd", "yard yards yds", _F(9144, 10000), "length"),
    ("mi", "mile miles", _F(1609344, 1000), "length"),
    ("mg", "milligram milligrams", _F(1, 1000), "mass"),
    ("g", "gram grams gm gms gramme grammes", _F(1), "mass"),
    ("kg", "kilogram kilograms kgs kilo kilos", _F(1000), "mass"),
    ("tonne", "tonnes", _F(10**6), "mass"),
    ("lb", "lbs pound pounds", _F(45359237, 100000), "mass"),
    ("oz", "ounce ounces", _F(45359237, 1600000), "mass"),
    ("s", "second seconds sec secs", _F(1), "time"),
    ("ms", "millisecond milliseconds", _F(1, 1000), "time"),
    ("min", "minute minutes mins", _F(60), "time"),
    ("h", "hour hours hr hrs", _F(3600), "time"),
    ("day", "days", _F(86400), "time"),
    ("week", "weeks", _F(604800), "time"),
    ("month", "months", _F(1), "month"),
    ("year", "years yr yrs", _F(12), "month"),
    ("L", "l liter liters litre litres", _F(1, 1000), "volume"),
    ("mL", "ml milliliter milliliters millilitre millilitres", _F(1, 10**6), "volume"),
    ("cc", "", _F(1, 10**6), "volume"),
    ("gal", "gallon gallons", _F(1), "gallon"),
    ("quart", "quarts qt", _F(1, 4), "gallon"),
    ("cup", "cups", _F(1, 16), "gallon"),
    ("pint", "pints", _F(1, 8), "gallon"),
    ("N", "newton newtons", _F(1), "newton"),
    ("J", "joule joules", _F(1), "joule"),
    ("kJ", "kilojoule kilojoules", _F(1000), "joule"),
    ("eV", "", _F(1), "eV"),
    ("cal", "calorie calories", _F(1), "calorie"),
    ("W", "watt watts", _F(1), "watt"),
    ("kW", "kilowatt kilowatts", _F(1000), "watt"),
    ("V", "volt volts", _F(1), "volt"),
    ("A", "ampere amperes amp amps", _F(1), "ampere"),
    ("ohm", "ohms", _F(1), "ohm"),
    ("Hz", "hertz", _F(1), "hertz"),
    ("kHz", "", _F(1000), "hertz"),
    ("MHz", "", _F(10**6), "hertz"),
    ("Pa", "pascal pascals", _F(1), "pascal"),
    ("kPa", "", _F(1000), "pascal"),
    ("atm", "", _F(101325), "pascal"),
    ("K", "kelvin", _F(1), "kelvin"),
    ("mol", "mole moles", _F(1), "mole"),
    ("celsius", "degc", _F(1), "celsius"),
    ("fahrenheit", "degf", _F(1), "fahrenheit"),
    ("dollar", "dollars usd bucks", _F(1), "dollar"),
    ("cent", "cents", _F(1, 100), "dollar"),
    ("euro", "euros eur", _F(1), "euro"),
    ("pound_sterling", "gbp", _F(1), "sterling"),
    ("yen", "jpy", _F(1), "yen"),
    ("yuan", "rmb cny", _F(1), "yuan"),
    ("rupee", "rupees rs inr", _F(1), "rupee"),
    ("rad", "radian radians", _F(1), "radian"),
    ("unit", "units", _F(1), "unit"),
    ("mph", "", _F(1), "mph"),
    ("kph", "kmh kmph", _F(1), "kph"),
    ("bit", "bits", _F(1), "bit"),
    ("byte", "bytes", _F(8), "bit"),
    ("acre", "acres", _F(1), "acre"),
    ("hectare", "hectares ha", _F(10_000), "area"),
)
_COMPOUND = {
    "mph": (_F(1609344, 1000) / 3600, (("length", 1), ("time", -1))),
    "kph": (_F(1000, 3600), (("length", 1), ("time", -1))),
    "newton": (_F(1000), (("length", 1), ("mass", 1), ("time", -2))),
    "joule": (_F(1000), (("length", 2), ("mass", 1), ("time", -2))),
    "watt": (_F(1000), (("length", 2), ("mass", 1), ("time", -3))),
    "pascal": (_F(1000), (("length", -1), ("mass", 1), ("time", -2))),
    "volume": (_F(1), (("length", 3),)),
    "area": (_F(1), (("length", 2),)),
    "hertz": (_F(1), (("time", -1),)),
}
CANONICAL: dict[str, str] = {}
_SIZES: dict[str, tuple[Fraction, str]] = {}
for _name, _aliases, _size, _base in _TABLE:
    _SIZES[_name] = (_size, _base)
    for _alias in (_name, *_aliases.split()):
        CANONICAL[_alias] = _name
PREFIX_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_PART = re.compile(r"([A-Za-z_]+)(?:\^(-?\d+))?")


def is_unit(word: str) -> bool:
    """Whether the word names a unit. Two or more letters may be in any case; one letter only as written."""
    return word in CANONICAL or (len(word) > 2 and word.lower() in CANONICAL)


def canonical(word: str) -> str:
    """The canonical name of a unit word; the word itself, in lower case, if we do not know it."""
    return CANONICAL.get(word) or CANONICAL.get(word.lower(), word.lower())


@lru_cache(maxsize=1024)
def dimension(unit: str) -> Dimension | None:
    """The dimension of canonical unit text; None when a part of it is unknown."""
    size = _F(1)
    powers: dict[str, int] = {}
    for sign, chunk in zip((1, -1), unit.split("/", 1)):
        for name, exponent_text in _PART.findall(chunk):
            if name not in _SIZES:
                return None
            exponent = sign * int(exponent_text or 1)
            part_size, base = _SIZES[name]
            if base == "unit":  # "square units" of whatever the figure is drawn in
                continue
            size *= part_size**exponent
            factor, expanded = _COMPOUND.get(base, (_F(1), ((base, 1),)))
            size *= factor**exponent
            for part_base, power in expanded:
                powers[part_base] = powers.get(part_base, 0) + power * exponent
    return Dimension(size, tuple(sorted((base, power) for base, power in powers.items() if power)))
