"""Units of measure and money as dimensions: 5 km equals 5000 m, and is neither 5 m nor 5 s.

A unit is canonical text (`cm^2`, `km/h`, `kg m/s^2`). Its dimension is a mapping of base units to exponents; its size
is exact. Derived units are defined by other units, so 1 N is 1 kg m/s^2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from verifiers.text import listed

_F = Fraction


@dataclass(frozen=True)
class Dimension:
    """`size` base units of the given kind: (("m", 2),) with 1/10000 is the square centimetre."""

    size: Fraction
    powers: tuple[tuple[str, int], ...]


# name, other spellings, size, and the unit or base that the size counts. The name is canonical.
_TABLE: tuple[tuple[str, str, Fraction, str], ...] = (
    ("m", "meter meters metre metres", _F(1), "length"),
    ("km", "kms kilometer kilometers kilometre kilometres", _F(1000), "m"),
    ("dm", "decimeter decimeters decimetre decimetres", _F(1, 10), "m"),
    ("cm", "cms centimeter centimeters centimetre centimetres", _F(1, 100), "m"),
    ("mm", "millimeter millimeters millimetre millimetres", _F(1, 1000), "m"),
    ("um", "micrometer micrometers micrometre micron microns", _F(1, 10**6), "m"),
    ("nm", "nanometer nanometers nanometre nanometres", _F(1, 10**9), "m"),
    ("angstrom", "angstroms", _F(1, 10**10), "m"),
    ("inch", "inches", _F(254, 10000), "m"),
    ("ft", "foot feet", _F(12), "inch"),
    ("yd", "yard yards yds", _F(36), "inch"),
    ("mi", "mile miles", _F(5280), "ft"),
    ("ly", "lightyear lightyears", _F(9460730472580800), "m"),
    ("mg", "milligram milligrams", _F(1, 1000), "g"),
    ("g", "gram grams gm gms gramme grammes", _F(1), "mass"),
    ("kg", "kilogram kilograms kgs kilo kilos", _F(1000), "g"),
    ("tonne", "tonnes", _F(10**6), "g"),
    ("ton", "tons", _F(1), "ton"),
    ("lb", "lbs pound pounds", _F(45359237, 100000), "g"),
    ("oz", "ounce ounces", _F(1, 16), "lb"),
    ("s", "second seconds sec secs", _F(1), "time"),
    ("ms", "millisecond milliseconds", _F(1, 1000), "s"),
    ("min", "minute minutes mins", _F(60), "s"),
    ("h", "hour hours hr hrs", _F(60), "min"),
    ("day", "days", _F(24), "h"),
    ("week", "weeks wk wks", _F(7), "day"),
    ("fortnight", "fortnights", _F(14), "day"),
    ("month", "months", _F(1), "month"),
    ("year", "years yr yrs", _F(12), "month"),
    ("decade", "decades", _F(10), "year"),
    ("century", "centuries", _F(100), "year"),
    ("L", "l liter liters litre litres", _F(1, 1000), "m^3"),
    ("mL", "ml milliliter milliliters millilitre millilitres", _F(1, 1000), "L"),
    ("cc", "", _F(1), "mL"),
    ("gal", "gallon gallons", _F(1), "gallon"),
    ("quart", "quarts qt", _F(1, 4), "gal"),
    ("pint", "pints", _F(1, 8), "gal"),
    ("cup", "cups", _F(1, 16), "gal"),
    ("acre", "acres", _F(1), "acre"),
    ("hectare", "hectares ha", _F(10_000), "m^2"),
    ("A", "ampere amperes amp amps", _F(1), "current"),
    ("K", "kelvin kelvins", _F(1), "temperature"),
    ("celsius", "degc", _F(1), "celsius"),
    ("fahrenheit", "degf", _F(1), "fahrenheit"),
    ("mol", "mole moles", _F(1), "amount"),
    ("molar", "", _F(1), "mol/L"),
    ("M", "", _F(1), "mol/L"),
    ("mM", "", _F(1, 10**3), "mol/L"),
    ("uM", "", _F(1, 10**6), "mol/L"),
    ("nM", "", _F(1, 10**9), "mol/L"),
    ("N", "newton newtons", _F(1), "kg m/s^2"),
    ("J", "joule joules", _F(1), "N m"),
    ("kJ", "kilojoule kilojoules", _F(1000), "J"),
    ("cal", "calorie calories", _F(4184, 1000), "J"),
    ("eV", "electronvolt electronvolts", _F(1602176634, 10**28), "J"),
    ("W", "watt watts", _F(1), "J/s"),
    ("kW", "kilowatt kilowatts", _F(1000), "W"),
    ("kWh", "kwh", _F(3_600_000), "J"),
    ("hp", "horsepower", _F(1), "horsepower"),
    ("V", "volt volts", _F(1), "W/A"),
    ("C", "coulomb coulombs", _F(1), "A s"),
    ("F", "farad farads", _F(1), "C/V"),
    ("ohm", "ohms", _F(1), "V/A"),
    ("T", "tesla teslas", _F(1), "V s/m^2"),
    ("Wb", "weber webers", _F(1), "V s"),
    ("H", "henry henries henrys", _F(1), "V s/A"),
    ("Hz", "hertz", _F(1), "s^-1"),
    ("rpm", "", _F(1), "rpm"),
    ("Bq", "becquerel becquerels", _F(1), "becquerel"),
    ("Gy", "gray grays", _F(1), "J/kg"),
    ("Pa", "pascal pascals", _F(1), "N/m^2"),
    ("atm", "atmosphere atmospheres", _F(101325), "Pa"),
    ("bar", "bars", _F(100_000), "Pa"),
    ("mmHg", "torr", _F(101325, 760), "Pa"),
    ("psi", "", _F(1), "psi"),
    ("lm", "lumen lumens", _F(1), "lumen"),
    ("lx", "lux", _F(1), "lm/m^2"),
    ("dB", "decibel decibels", _F(1), "decibel"),
    ("bit", "bits", _F(1), "bit"),
    ("byte", "bytes", _F(8), "bit"),
    ("rad", "radian radians", _F(1), "radian"),
    ("sr", "steradian steradians", _F(1), "steradian"),
    ("mph", "", _F(1), "mi/h"),
    ("kph", "kmh kmph", _F(1), "km/h"),
    ("knot", "knots", _F(1852), "m/h"),
    ("unit", "units", _F(1), "unit"),
    ("dollar", "dollars usd bucks", _F(1), "dollar"),
    ("cent", "cents", _F(1, 100), "dollar"),
    ("euro", "euros eur", _F(1), "euro"),
    ("pound_sterling", "gbp quid", _F(1), "sterling"),
    ("pence", "penny p", _F(1, 100), "pound_sterling"),
    ("yen", "jpy", _F(1), "yen"),
    ("yuan", "rmb cny", _F(1), "yuan"),
    ("rupee", "rupees rs Rs inr", _F(1), "rupee"),
    ("peso", "pesos", _F(1), "peso"),
)
MONEY = frozenset(("dollar", "cent", "euro", "pound_sterling", "yen", "yuan", "rupee", "peso"))
SCALE_LETTERS = frozenset("KMT")  # kelvin, molar and tesla only where the reference has a unit: else 10^3, 10^6, 10^12
_PREFIXES = {
    "T": _F(10**12), "G": _F(10**9), "M": _F(10**6), "k": _F(1000), "h": _F(100), "d": _F(1, 10), "c": _F(1, 100),
    "m": _F(1, 1000), "u": _F(1, 10**6), "n": _F(1, 10**9), "p": _F(1, 10**12), "f": _F(1, 10**15),
}  # fmt: skip
_PREFIX_NAMES = {
    "tera": "T", "giga": "G", "mega": "M", "kilo": "k", "hecto": "h", "deci": "d", "centi": "c", "milli": "m",
    "micro": "u", "nano": "n", "pico": "p", "femto": "f",
}  # fmt: skip
_PREFIXED = listed("m g s L A K mol N J cal eV W V C F ohm T Wb H Hz Bq Gy Pa bar lm lx molar")
_PART = re.compile(r"(/?)([A-Za-z_]+)(?:\^(-?\d{1,3}))?(?: |(?=/)|$)")
CANONICAL: dict[str, str] = {}
_SIZES: dict[str, tuple[Fraction, str]] = {}
for _name, _aliases, _size, _base in _TABLE:
    _SIZES[_name] = (_size, _base)
    for _alias in (_name, *_aliases.split()):
        CANONICAL[_alias] = _name
del CANONICAL["p"]  # "5p" is money only behind a pound sign
PREFIX_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}


def is_unit(word: str) -> bool:
    """Whether the word names a unit. Two or more letters may be in any case; one letter only as written."""
    return word in CANONICAL or (len(word) > 2 and word.lower() in CANONICAL)


@lru_cache(maxsize=4096)
def prefixed(word: str) -> str | None:
    """The canonical name of a unit with a prefix, such as GHz or millivolts; None if the word is none."""
    if len(word) > 20 or is_unit(word):
        return None
    if word[:1] in _PREFIXES and word[1:] in _PREFIXED:
        return word
    lowered = word.lower()
    for name, sign in _PREFIX_NAMES.items():
        rest = lowered.removeprefix(name)
        if rest != lowered and CANONICAL.get(rest) in _PREFIXED:
            return sign + CANONICAL[rest]
    return None


def names_unit(word: str) -> bool:
    """Whether the word names a unit, with or without a prefix."""
    return is_unit(word) or prefixed(word) is not None


def canonical(word: str) -> str:
    """The canonical name of a unit word; the word itself, in lower case, if we do not know it."""
    return CANONICAL.get(word) or prefixed(word) or CANONICAL.get(word.lower(), word.lower())


@lru_cache(maxsize=1024)
def dimension(unit: str) -> Dimension | None:
    """The dimension of canonical unit text; None when a part of it is unknown. What follows a slash divides."""
    size = _F(1)
    powers: dict[str, int] = {}
    position, sign = 0, 1
    while position < len(unit):
        found = _PART.match(unit, position)
        known = _size_of(found[2]) if found else None
        if found is None or known is None:
            return None
        position = found.end()
        sign = -1 if found[1] else sign
        exponent = sign * int(found[3] or 1)
        size *= known.size**exponent
        for base, power in known.powers:
            powers[base] = powers.get(base, 0) + power * exponent
    return Dimension(size, tuple(sorted((base, power) for base, power in powers.items() if power)))


@lru_cache(maxsize=1024)
def _size_of(name: str) -> Dimension | None:
    if name not in _SIZES:
        scale, rest = _PREFIXES.get(name[:1]), name[1:]
        inner = _size_of(rest) if scale is not None and rest in _PREFIXED else None
        return Dimension(inner.size * scale, inner.powers) if inner is not None and scale is not None else None
    size, base = _SIZES[name]
    if base == "unit":  # "square units" of whatever the figure is drawn in
        return Dimension(_F(1), ())
    defined = dimension(base) if base != name and base in _DEFINING else None
    return Dimension(size * defined.size, defined.powers) if defined else Dimension(size, ((base, 1),))


_DEFINING = frozenset(base for _, _, _, base in _TABLE if base in _SIZES or "/" in base or " " in base or "^" in base)
