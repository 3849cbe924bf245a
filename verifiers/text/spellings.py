r"""Constructs with several spellings, made one before parsing: `(\text{mod } 4)` is `\pmod{4}`, `8厘米` is 8 cm.

As in `normalize`, only spellings change. What a table of signs can say stands there; what needs a pattern stands here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from verifiers.text.latex import TEXT

MICRO_UNIT = r"(?:mol|m|s|g|L|l|A|V|F|C|H|W|J|N|Pa)"
BASE_NAMES = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "sixteen": "16", "sixty": "60",
}  # fmt: skip
_BASE = rf"(\d{{1,2}}|{'|'.join(BASE_NAMES)})"
_SPACE = r"(?:\s|~|\\[ ,;:!])*"
_INDEX = r"(?:\{\s*(\w{1,9})\s*\}|(\w))"
_SI_PREFIXES = "kilo|mega|giga|tera|milli|micro|nano|pico|centi|deci|hecto"
_GREEK = (
    "alpha|beta|gamma|delta|(?:var)?epsilon|zeta|eta|(?:var)?theta|iota|kappa|lambda|mu|nu|xi|(?:var)?rho|sigma|tau|"
    "upsilon|(?:var)?phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"
)
_LETTER = rf"\{{\s*([A-Za-z]|\\(?:{_GREEK}))\s*\}}"
_SYSTEM = re.compile(
    r"(?:\\left\s*\\(?:\{|lbrace)|\\(?:\{|lbrace))\s*\\begin\{(array|aligned|matrix|alignedat|align\*?|split|gathered)\}"
    r"(?:\{[^{}]*\})?((?:(?!\\begin|\\end).)*)\\end\{\1\}\s*(?:\\right\s*\.?)?(?!\s*\\(?:right|\}|rbrace))",
    re.DOTALL,
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


def _based(found: re.Match[str]) -> str:
    """`(431)_5` and an overlined number with a base as digits with a base; as written where a digit is too large."""
    digits, base = found[1] or found[2], int(found[3] or found[4])
    fits = 2 <= base <= 36 and all(sign.isalnum() and int(sign, 36) < base for sign in digits)
    return f"{digits.upper()}_{{{base}}}" if fits and any(sign.isdigit() for sign in digits) else found[0]


def _micro(found: re.Match[str]) -> str:
    r"""`\mu` before a unit as the prefix u."""
    return f"\\text{{u{found[1] or found[2] or found[3]}" + ("}" if found[3] else "")


def _siunitx(found: re.Match[str]) -> str:
    r"""`\SI{5}{\meter\per\second}` as an amount with its unit words."""
    words = re.sub(r"\\(per|square|cubic)(?![a-z])", r" \1 ", found[2])
    words = words.replace("\\squared", "^2").replace("\\cubed", "^3").replace("\\percent", "\\%")
    words = re.sub(rf"\\({_SI_PREFIXES})\\", r" \1", words)
    words = re.sub(r"\\([a-z]+)", r" \1", words)
    return f"{found[1]} \\text{{{words}}}"


# texts of which one stands where the pattern matches (apart by a semicolon), the pattern, and what is written instead
_RULES: tuple[tuple[str, str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"\\", r"\\\\\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm|in)\s*\]", r"\\\\ "),  # \\[2pt]
    ("matrix{;matrix {", r"\\([pbvBV]?matrix)\s*\{((?:[^{}]|\{[^{}]*\})*)\}",
     r"\\begin{\1}\2\\end{\1}"),  # \pmatrix{1 & 2 \cr 3 & 4}
    (r"\!", r"(?<![\d.])(\d{1,3})((?:,?\s*\\!\s*\d{3})+)(?!\d)",
     lambda found: found[1] + re.sub(r"\D", "", found[2])),  # 12,\! 345
    (r"\mu", rf"\\mu\s*\\(?:mathrm|text|textrm|rm)\s*\{{\s*({MICRO_UNIT})(?![A-Za-z])"  # \mu\mathrm{m}
     rf"|\\(?:mathrm|text|textrm)\s*\{{\s*(?:~|\\[,; ])*\\mu\s*({MICRO_UNIT})(?![A-Za-z])"  # \mathrm{\mu m}
     rf"|(?<=[\d.])(?:\s|~|\\[,;: ])+\\mu\s*({MICRO_UNIT})()(?=\s*$)", _micro),  # 3\,\mu m
    (r"\SI;\qty", r"\\(?:SI|qty)\s*(?:\[[^\]]*\])?\s*\{([^{}]*)\}\s*\{((?:[^{}]|\{[^{}]*\})*)\}", _siunitx),
    (r"\ang{", r"\\ang\s*\{([^{};]*)\}", r"\1^\\circ "),
    (r"\surd", r"\\surd", "√"),
    ("C;P", rf"(?:(?<=^)|(?<=[\s$=(]))(?:\{{\}})?\s*[_^]\s*{_INDEX}\s*([CP])\s*_\s*{_INDEX}",
     r"\3_{\1\2}^{\4\5}"),  # {}_{10}C_3
    ("{};{ }", r"(?<=[\d}])\s*\{ ?\}(?=\s*(?:[\^+*/=,)-]|$))", ""),  # 60 {}^\circ, and groups with nothing in them
    ("prime;'", r"(?<=\d)\s*\^\s*(?:\{\s*((?:\\prime(?![a-z])\s*|')+)\}|\\prime(?![a-z]))",
     lambda found: "'" * max(1, len(re.findall("prime|'", found[1] or "")))),  # 13^{\prime}
    ("_;^", rf"(?<![A-Za-z}}\]^_*]){_LETTER}(?=\s*[_^])", r"\1"),  # {x}_1, {\rho}_1
    ("_;^", rf"([_^]\s*\{{[^{{}}]*\}}|\\(?:sin|cos|tan|cot|sec|csc|ln|log|lg|exp)(?![a-z]))\s*{_LETTER}(?=\s*[_^])",
     r"\1 \2"),  # x_{1}{x}_{2}, \sin{x}_{1}
    ("_", rf"\{{\s*{_LETTER}\s*\}}(?=\s*_)", r"{\1}"),  # \mathrm{{m}}_{1}
    ("_", r"(?<![A-Za-z}\]^_*])\{\s*(\d{1,60}|\\(?:log|lg|ln))\s*\}(?=\s*_)", r"\1"),  # {431}_{5}, {\log}_{2}
    ("_", rf"_\s*\{{\s*{TEXT}\s*\{{\s*(?:base\s*(?:\}}\s*|\s))?{_BASE}\s*\}}(?:\s*\}})?",
     lambda found: f"_{{{BASE_NAMES.get(found[1], found[1])}}}"),  # 2A_{\text{16}}, 431_{\text{base }5}
    ("base", rf"{TEXT}\s*\{{\s*([0-9A-Fa-f]{{1,60}})\s+(?:in\s+)?base\s+{_BASE}\s*\}}",
     lambda found: f"({found[1]})_{{{BASE_NAMES.get(found[2], found[2])}}}"),  # \text{431 base 5}
    ("_", r"(?:(?:\\left\s*\(|(?<![A-Za-z)}_^])\()\s*([0-9A-Za-z]{1,60})\s*(?:\\right\s*)?\)"
     r"|\\overline\s*\{\s*([0-9A-Za-z]{1,60})\s*\})\s*_\s*(?:\{\s*(\d{1,2})\s*\}|(\d{1,2}))", _based),
    ("_", rf"{TEXT}\s*\{{\s*([0-9A-Fa-f]{{1,60}})\s*\}}(?=\s*_\s*\{{?\s*(?:1[1-9]|[23]\d))",
     lambda found: found[1].upper()),  # hexadecimal digits in a text font
    ("mod", rf"(?:\\left\s*)?\({_SPACE}(?:{TEXT}\s*\{{\s*mod{_SPACE}\}}|\\[bp]?mod(?![a-z])|mod(?![a-z])"
     rf"|({TEXT}\s*\{{)\s*mod(?=\s)){_SPACE}((?:[^(){{}}\\]|\\(?!right)){{1,60}}?)(?(1)\}}){_SPACE}(?:\\right\s*)?\)",
     r" \\pmod{\2}"),
    ("inus;egative", rf"(?i)(?<![\w-])(?:{TEXT}\s*\{{\s*)?(?:minus|negative)(?:\s*\}}\s*|\s+)(?=[\d.(\\])", "-"),
    ("ent;проц", r"(?i)(?<=\d)\s*(?:per\s?cent|por\s?ciento|por\s?cento|pour\s?cent|prozent|процент\w{0,3})(?!\w)",
     r"\\%"),
)  # fmt: skip
_COMPILED = tuple((hints.split(";"), re.compile(pattern), written) for hints, pattern, written in _RULES)


def respell(text: str) -> str:
    """`text` with one spelling for every construct of this module."""
    for hints, pattern, written in _COMPILED:
        for hint in hints:
            if hint in text:
                text = pattern.sub(written, text)
                break
    if not text.isascii():
        text = _HAN_AMOUNT.sub(lambda found: f" \\text{{ {_han(found)}}}", text)
    return text


def brace_systems(text: str) -> str:
    r"""`text` with equations behind one brace, such as `\left\{\begin{array}{l} ... \end{array}\right.`, as cases."""
    return _SYSTEM.sub(_system, text)


def _system(found: re.Match[str]) -> str:
    rows = found[2].replace("&", " ") if found[1] not in ("array", "matrix") else found[2]
    return f"\\begin{{cases}}{rows}\\end{{cases}}"


def han_unit(text: str, start: int) -> tuple[str, int] | None:
    """The unit that is written at `start` in Chinese, in our name, and where it ends; None if none is."""
    found = _HAN_AFTER.match(text, start)
    return (_han(found), found.end()) if found else None


def _han(found: re.Match[str]) -> str:
    return _HAN_UNITS[found[2]] + _HAN_POWERS[found[1]]
