r"""Constructs with several spellings, made one before parsing: `(\text{mod } 4)` is `\pmod{4}`, `8厘米` is 8 cm.

As in `normalize`, only spellings change. What a table of signs can say stands there; what needs a pattern stands here.
"""

from __future__ import annotations

import re

from verifiers.text.latex import TEXT

_FONT = TEXT
_SPACE = r"(?:\s|~|\\[ ,;:!])*"
_INDEX = r"(?:\{\s*(\w{1,9})\s*\}|(\w))"
_COUNTS = re.compile(rf"(?:(?<=^)|(?<=[\s$=(]))(?:\{{\}})?\s*[_^]\s*{_INDEX}\s*([CP])\s*_\s*{_INDEX}")  # {{}}_{{10}}C_3
MICRO_UNIT = r"(?:mol|m|s|g|L|l|A|V|F|C|H|W|J|N|Pa)"
_MICRO = re.compile(
    rf"\\mu\s*\\(?:mathrm|text|textrm|rm)\s*\{{\s*({MICRO_UNIT})(?![A-Za-z])"  # \mu\mathrm{m}
    rf"|\\(?:mathrm|text|textrm)\s*\{{\s*(?:~|\\[,; ])*\\mu\s*({MICRO_UNIT})(?![A-Za-z])"  # \mathrm{\mu m}
    rf"|(?<=[\d.])(?:\s|~|\\[,;: ])+\\mu\s*({MICRO_UNIT})()(?=\s*$)"  # 3\,\mu m
)
_SIUNITX = re.compile(r"\\(?:SI|qty)\s*(?:\[[^\]]*\])?\s*\{([^{}]*)\}\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_SI_PREFIXES = ("kilo", "mega", "giga", "tera", "milli", "micro", "nano", "pico", "centi", "deci", "hecto")
_ANG = re.compile(r"\\ang\s*\{([^{};]*)\}")
_DIGITS_IN_TEXT = re.compile(rf"{TEXT}\s*\{{\s*([0-9A-Fa-f]{{1,60}})\s*\}}(?=\s*_\s*\{{?\s*(?:1[1-9]|[23]\d))")
BASE_NAMES = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "sixteen": "16", "sixty": "60",
}  # fmt: skip
_BASE_IN_TEXT = re.compile(  # 2A_{\text{16}}, 431_{\text{five}}, 431_{\text{base }5}
    rf"_\s*\{{\s*{_FONT}\s*\{{\s*(?:base\s*(?:\}}\s*|\s))?(\d{{1,2}}|{'|'.join(BASE_NAMES)})\s*\}}(?:\s*\}})?"
)
_NUMBER_WITH_BASE = re.compile(  # \text{431 base 5}, \text{1F in base sixteen}
    rf"{_FONT}\s*\{{\s*([0-9A-Fa-f]{{1,60}})\s+(?:in\s+)?base\s+(\d{{1,2}}|{'|'.join(BASE_NAMES)})\s*\}}"
)
_MODULUS = re.compile(
    rf"(?:\\left\s*)?\({_SPACE}(?:{_FONT}\s*\{{\s*mod{_SPACE}\}}|\\[bp]?mod(?![a-z])|mod(?![a-z])"
    rf"|({_FONT}\s*\{{)\s*mod(?=\s)){_SPACE}((?:[^(){{}}\\]|\\(?!right)){{1,60}}?)(?(1)\}}){_SPACE}(?:\\right\s*)?\)"
)
_GREEK = (
    "alpha|beta|gamma|delta|(?:var)?epsilon|zeta|eta|(?:var)?theta|iota|kappa|lambda|mu|nu|xi|(?:var)?rho|sigma|tau|"
    "upsilon|(?:var)?phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"
)
_LONE_LETTER = re.compile(rf"(?<![A-Za-z}}\]^_*])\{{\s*([A-Za-z]|\\(?:{_GREEK}))\s*\}}(?=\s*[_^])")  # {x}_1, {\rho}_1
_LATER_LETTER = re.compile(  # x_{1}{x}_{2}, \sin{x}_{1}
    rf"([_^]\s*\{{[^{{}}]*\}}|\\(?:sin|cos|tan|cot|sec|csc|ln|log|lg|exp)(?![a-z]))\s*"
    rf"\{{\s*([A-Za-z]|\\(?:{_GREEK}))\s*\}}(?=\s*[_^])"
)
_TWICE_BRACED = re.compile(rf"\{{\s*\{{\s*([A-Za-z]|\\(?:{_GREEK}))\s*\}}\s*\}}(?=\s*_)")  # \mathrm{{m}}_{1}
_BRACED_BASE = re.compile(r"(?<![A-Za-z}\]^_*])\{\s*(\d{1,60}|\\(?:log|lg|ln))\s*\}(?=\s*_)")  # {431}_{5}, {\log}_{2}
_BASED = re.compile(
    r"(?:(?:\\left\s*\(|(?<![A-Za-z)}_^])\()\s*([0-9A-Za-z]{1,60})\s*(?:\\right\s*)?\)|\\overline\s*\{\s*([0-9A-Za-z]{1,60})\s*\})"
    r"\s*_\s*(?:\{\s*(\d{1,2})\s*\}|(\d{1,2}))"
)
_DIGIT_GROUPS = re.compile(r"(?<![\d.])(\d{1,3})((?:,?\s*\\!\s*\d{3})+)(?!\d)")  # 12,\! 345
_EMPTY_BASE = re.compile(r"(?<=[\d}])\s*\{ ?\}(?=\s*(?:[\^+*/=,)-]|$))")  # 60 {}^\circ, and groups with nothing in them
_PRIMES = re.compile(r"(?<=\d)\s*\^\s*(?:\{\s*((?:\\prime(?![a-z])\s*|')+)\}|\\prime(?![a-z]))")  # 13^{\prime}
_PART_IN_TEXT = re.compile(rf"{_FONT}\s*\{{\s*(\((?:\d|[a-h]|i{{1,3}}|iv|vi?)\))\s*\}}")  # \text{(ii) }
_ROW_GAP = re.compile(r"\\\\\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm|in)\s*\]")  # \\[2pt]
_PLAIN_MATRIX = re.compile(r"\\([pbvBV]?matrix)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")  # \pmatrix{1 & 2 \cr 3 & 4}
_SYSTEM = re.compile(
    r"(?:\\left\s*\\(?:\{|lbrace)|\\(?:\{|lbrace))\s*\\begin\{(array|aligned|matrix|alignedat|align\*?|split|gathered)\}"
    r"(?:\{[^{}]*\})?((?:(?!\\begin|\\end).)*)\\end\{\1\}\s*(?:\\right\s*\.?)?(?!\s*\\(?:right|\}|rbrace))",
    re.DOTALL,
)
_MINUS = re.compile(rf"(?i)(?<![\w-])(?:{_FONT}\s*\{{\s*)?(?:minus|negative)(?:\s*\}}\s*|\s+)(?=[\d.(\\])")
_PERCENT_WORDS = re.compile(
    r"(?i)(?<=\d)\s*(?:per\s?cent|por\s?ciento|por\s?cento|pour\s?cent|prozent|процент\w{0,3})(?!\w)"
)
_HAN_UNITS = {
    "千米": "km", "公里": "km", "厘米": "cm", "毫米": "mm", "分米": "dm", "米": "m", "千克": "kg", "公斤": "kg",
    "毫克": "mg", "克": "g", "吨": "tonne", "毫升": "mL", "升": "L", "小时": "hours", "分钟": "minutes",
    "分": "minutes", "秒": "seconds", "天": "days", "元": "yuan",
}  # fmt: skip
_HAN_UNIT = rf"\s*(平方|立方)?({'|'.join(_HAN_UNITS)})"
_HAN_AFTER = re.compile(_HAN_UNIT)
_HAN_AMOUNT = re.compile(rf"(?<=\d){_HAN_UNIT}(?![\u4e00-\u9fff])")
_HAN_POWERS = {None: "", "平方": "^2", "立方": "^3"}


def respell(text: str) -> str:
    """`text` with one spelling for every construct of this module."""
    if "\\" in text or "^" in text or "_" in text:
        text = _latex(text)
    if "mod" in text:
        text = _MODULUS.sub(r" \\pmod{\2}", text)
    if "inus" in text or "egative" in text:
        text = _MINUS.sub("-", text)
    if "ent" in text or "проц" in text:
        text = _PERCENT_WORDS.sub(r"\\%", text)
    if not text.isascii():
        text = _HAN_AMOUNT.sub(lambda found: f" \\text{{ {_han(found)}}}", text)
    return text


def brace_systems(text: str) -> str:
    r"""`text` with equations behind one brace, such as `\left\{\begin{array}{l} ... \end{array}\right.`, as cases."""
    return _SYSTEM.sub(_system, text)


def han_unit(text: str, start: int) -> tuple[str, int] | None:
    """The unit that is written at `start` in Chinese, in our name, and where it ends; None if none is."""
    found = _HAN_AFTER.match(text, start)
    return (_han(found), found.end()) if found else None


def _han(found: re.Match[str]) -> str:
    return _HAN_UNITS[found[2]] + _HAN_POWERS[found[1]]


def _latex(text: str) -> str:
    if "\\\\" in text and "[" in text:
        text = _ROW_GAP.sub(r"\\\\ ", text)
    if "matrix{" in text or "matrix {" in text:
        text = _PLAIN_MATRIX.sub(r"\\begin{\1}\2\\end{\1}", text)
    if "\\!" in text:
        text = _DIGIT_GROUPS.sub(lambda found: found[1] + re.sub(r"\D", "", found[2]), text)
    if "\\mu" in text:
        text = _MICRO.sub(_micro, text)
    if "\\SI" in text or "\\qty" in text:
        text = _SIUNITX.sub(_siunitx, text)
    if "\\ang{" in text:
        text = _ANG.sub(r"\1^\\circ ", text)
    if "\\surd" in text:
        text = text.replace("\\surd", "√")
    if "C" in text or "P" in text:
        text = _COUNTS.sub(r"\3_{\1\2}^{\4\5}", text)
    if "{}" in text or "{ }" in text:
        text = _EMPTY_BASE.sub("", text)
    if "prime" in text or "'" in text:
        text = _PRIMES.sub(
            lambda found: "'" * max(1, (found[1] or "").count("prime") + (found[1] or "").count("'")), text
        )
    if "(" in text:
        text = _PART_IN_TEXT.sub(r"\1 ", text)
    if "_" in text or "^" in text:
        text = _LONE_LETTER.sub(r"\1", text)
        text = _LATER_LETTER.sub(r"\1 \2", text)
        text = _BRACED_BASE.sub(r"\1", _TWICE_BRACED.sub(r"{\1}", text))
        text = _BASE_IN_TEXT.sub(lambda base: f"_{{{BASE_NAMES.get(base[1], base[1])}}}", text)
        text = _BASED.sub(_based, text)
    if "base" in text:
        text = _NUMBER_WITH_BASE.sub(lambda found: f"({found[1]})_{{{BASE_NAMES.get(found[2], found[2])}}}", text)
        text = _BASED.sub(_based, text)
    if "_" in text:
        text = _DIGITS_IN_TEXT.sub(lambda digits: digits[1].upper(), text)  # hexadecimal digits in a text font
    return text


def _based(found: re.Match[str]) -> str:
    """`(431)_5` and an overlined number with a base as digits with a base; as written where a digit is too large."""
    digits, base = found[1] or found[2], int(found[3] or found[4])
    fits = 2 <= base <= 36 and all(sign.isalnum() and int(sign, 36) < base for sign in digits)
    return f"{digits.upper()}_{{{base}}}" if fits and any(sign.isdigit() for sign in digits) else found[0]


def _system(found: re.Match[str]) -> str:
    rows = found[2].replace("&", " ") if found[1] not in ("array", "matrix") else found[2]
    return f"\\begin{{cases}}{rows}\\end{{cases}}"


def _micro(found: re.Match[str]) -> str:
    r"""`\mu` before a unit as the prefix u."""
    unit = found[1] or found[2] or found[3]
    return f"\\text{{u{unit}" + ("}" if found[3] else "")


def _siunitx(found: re.Match[str]) -> str:
    r"""`\SI{5}{\meter\per\second}` as an amount with its unit words."""
    words = re.sub(r"\\(per|square|cubic)(?![a-z])", r" \1 ", found[2])
    words = words.replace("\\squared", "^2").replace("\\cubed", "^3").replace("\\percent", "\\%")
    words = re.sub(rf"\\({'|'.join(_SI_PREFIXES)})\\", r" \1", words)
    words = re.sub(r"\\([a-z]+)", r" \1", words)
    return f"{found[1]} \\text{{{words}}}"
