"""Text-level cleaning before parsing: Unicode and LaTeX spellings of the same sign become one spelling.

Only spellings change here, never structure: no bracket, digit or sign is dropped, because a grader that strips
braces pays for `x^2y` where `x^{2y}` was asked.
"""

from __future__ import annotations

import re
import unicodedata

from verifiers.text.latex import TEXT
from verifiers.text.spellings import MICRO_UNIT, brace_systems, respell

_CHARACTERS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "➖": "-",
    "×": r"\times ", "✕": r"\times ", "✖": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ",
    "÷": r"\div ", "∕": "/", "⁄": "/", "∗": "*",
    "≤": r"\le ", "⩽": r"\le ", "≦": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≧": r"\ge ", "≠": r"\ne ",
    "≈": r"\approx ", "≃": r"\approx ", "≅": r"\cong ", "≡": r"\equiv ", "∼": r"\sim ", "∝": r"\propto ",
    "±": r"\pm ", "∓": r"\mp ", "∞": r"\infty ", "√": r"\sqrt ", "∛": r"\cbrt ",
    "∈": r"\in ", "∉": r"\notin ", "∪": r"\cup ", "∩": r"\cap ", "∅": r"\emptyset ", "⊂": r"\subset ",
    "⊆": r"\subseteq ", "∖": r"\setminus ", "∀": r"\forall ", "∃": r"\exists ", "¬": r"\neg ", "∧": r"\land ",
    "∨": r"\lor ", "→": r"\to ", "⟶": r"\to ", "↦": r"\mapsto ", "⇒": r"\implies ", "⟹": r"\implies ",
    "⇔": r"\iff ", "⟺": r"\iff ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ", "∂": r"\partial ", "∇": r"\nabla ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "⟨": r"\langle ", "⟩": r"\rangle ",
    "〈": r"\langle ", "〉": r"\rangle ", "∠": r"\angle ", "△": r"\triangle ", "⊥": r"\perp ", "∥": r"\parallel ",
    "°": r"\degree ", "º": r"\degree ", "˚": r"\degree ", "℃": r"\degree C ", "′": "'", "″": "''", "…": r"\ldots ",
    "⋯": r"\ldots ",
    "ℝ": r"\mathbb{R} ", "ℤ": r"\mathbb{Z} ", "ℕ": r"\mathbb{N} ", "ℚ": r"\mathbb{Q} ", "ℂ": r"\mathbb{C} ",
    "‰": r"\permil ", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2003": " ", "\u2002": " ", "\u3000": " ",
    "\u200b": "", "\u200c": "", "\u200d": "", "\ufeff": "", "\u2061": "", "\u2062": "", "\u2063": "",
    "’": "'", "‘": "'", "“": '"', "”": '"', "，": ",", "、": ",", "；": ";", "：": ":", "（": "(", "）": ")", "［": "[",
    "］": "]", "｛": "{", "｝": "}", "＝": "=", "＜": "<", "＞": ">", "＋": "+", "％": "%", "。": ".",
    "【": "[", "】": "]", "∶": ":", "٫": ".", "٬": ",", "负": "-",
    "＄": "$", "或": r" \text{ or } ", "且": r" \text{ and } ", "和": r" \text{ and } ", "与": r" \text{ and } ",
    "Å": r"\text{angstrom} ", "\u212b": r"\text{angstrom} ",
    "ı": "i", "ℓ": r"\ell ", "ø": r"\emptyset ", "⌀": r"\emptyset ",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ϑ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "µ": "mu", "ν": "nu", "ξ": "xi",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "ϕ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_TRANSLATION = {ord(sign): text for sign, text in _CHARACTERS.items()} | {
    ord(sign): f"\\{name} " for sign, name in _GREEK.items()
}
_ABOVE, _BELOW = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₙₓᵢⱼₖₘ"
_PLAIN = str.maketrans(_ABOVE + _BELOW, "0123456789+-=()nix0123456789+-=()aenxijkm")
_ABOVE_RUN, _BELOW_RUN = re.compile(f"[{_ABOVE}]+"), re.compile(f"[{_BELOW}]+")
_VULGAR = re.compile("[¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]")
_CIRCLED_RUN = re.compile("[①-⑳]+(?:\\s*[,、]?\\s*[①-⑳]+)*")
_ROOT_SIGN = re.compile(r"([√∛])\s*(\d+(?:\.\d+)?|[A-Za-zπ])")
_CHINESE_DIGITS = dict(zip("零一二三四五六七八九", range(10))) | {"〇": 0, "两": 2}
_HAN_FRACTION = re.compile(
    "([零一二两三四五六七八九十百千]+|[0-9]{1,9})分之([零一二两三四五六七八九十百千]+|[0-9]{1,9})(?![.0-9])"
)
_HAN_SCALED = re.compile(r"(\d{1,12})(?:\.(\d{1,12}))?\s*(万亿|千万|百万|亿|万|千|百)(?!分|[克米瓦卡])")
_HAN_ZEROS = {"百": 2, "千": 3, "万": 4, "百万": 6, "千万": 7, "亿": 8, "万亿": 12}
_CHINESE_NUMBER = re.compile("[零〇一二两三四五六七八九十百千万]+")

# A source that was written with unescaped backslashes: "\f" of "\frac" became a form feed, and so on.
_LOST_ESCAPES = tuple(
    (re.compile(rf"{sign}(?={rest})"), rf"\\{letter}")
    for sign, letter, rest in (
        ("\x0c", "f", r"rac|orall\b|loor\b"), ("\x08", "b", r"egin|inom|oxed|eta|ar\b|mod"),
        ("\x07", "a", "lpha|pprox|ngle|rc"), ("\x0b", "v", "ec|arphi"),
        ("\r", "r", r"ight|angle|ho\b|floor|ceil"),
        ("\t", "t", r"imes|ext|an\b|frac|heta|o\b|au\b|riangle"), ("\n", "n", r"eq\b|otin\b|abla\b"),
    )
)  # fmt: skip
_HONEST = 2  # the last ones: tabs and line ends, which a response also has for their own sake
_DOUBLED = re.compile(
    r"\\\\(?=(?:d?t?c?frac|sqrt|pi|cdot|times|left|right|text|mathrm|mathbf|le|leq|ge|geq|ne|neq|in|infty|cup|cap|pm|mp|"
    r"sin|cos|tan|ln|log|boxed|begin|end|binom|circ|approx|theta|alpha|beta|lambda|mu|[{}%$,;!])(?![a-zA-Z]))"
)
_HTML = tuple(
    (re.compile(f"(?is){pattern}"), replacement)
    for pattern, replacement in (
        ("<sup>(.*?)</sup>", r"^{\1}"), ("<sub>(.*?)</sub>", r"_{\1}"), ("&lt;", "<"), ("&gt;", ">"),
        ("&le;", r"\\le "), ("&ge;", r"\\ge "), ("&nbsp;", " "), (r"<br\s*/?>", "\n"),
    )
)  # fmt: skip
_LOST_IN_RESPONSE = re.compile(r"[\x07\x08\x0b\x0c]|\r(?!\n)")
_BEGINNING = r"(?:\A|(?<=[{$]))"  # of an argument, a formula or a reference: nobody puts a tab and a word's rest there
_LOST_AT_BEGINNING = re.compile(rf"{_BEGINNING}[\t\n](?=[a-z])")
_NEEDS_ESCAPE_REPAIR = re.compile(r"[\x07\x08\x0b\x0c\t\r]|\n(?:eq|otin|abla)\b")
_EQUATION_BODY = re.compile(
    r"\\begin\{(align\*?|aligned|equation\*?|gather\*?|gathered|split|eqnarray\*?|multline\*?|displaymath)\}((?:(?!\\begin).)*?)\\end\{\1\}",
    re.DOTALL,
)
_PARTS = ("(1)", "(a)", "(i)", "1)", "a)", "i)")
_DELIMITERS = re.compile(r"(?<!\\)\\[()\[\]]")
_DOLLARS = re.compile(r"^\s*([-+−]?)\$(?=\d)")
_FIRST_PART = r"\s*\(?(?:1|a|i)\)(?:\s+|\\ |~|(?=\$))"
_ENUMERATED = re.compile(
    rf"{_FIRST_PART}(?![-+*/^=,)]).*?(?:[;,.\n$](?:\s|\\ )*|[\w}})]\s+)\(?(?:2|b|ii)\)(?:\s|\\ |~|\$)", re.DOTALL
)
_PART_MARK = re.compile(
    r"(?:^|[;,.\n](?:\s|\\ )*|(?<=\$)\s*|(?<=[\w})])\s+)\(?(?:\d|[a-h]|i{1,3}|iv|vi?)\)(?=\s|\\ |~|\$)"
)
_PART_IN_TEXT = re.compile(rf"{TEXT}\s*\{{\s*(\((?:\d|[a-h]|i{{1,3}}|iv|vi?)\))\s*\}}")  # \text{{(ii) }}
_FORMULA_SIGN = re.compile(r"(?<!\\)\$")
# `or` and `and` between values, in other languages; letters alone only in a text command or before another equation
_JOINTS = tuple(
    pair
    for joint, words, first, letters in (
        (" or ", "oder|или|または|또는|veya|lub|eller", "ou", "ou|o|u"),
        (" and ", "und|および|및|och", "et", "et|y|e|и"),
    )
    for pair in (
        (re.compile(rf"{TEXT}\s*\{{\s*(?:{words}|{first})\s*\}}|(?<!\w)(?:{words})(?!\w)|{TEXT}\s*\{{\s+(?:{letters})\s+\}}"),
         rf"\\text{{{joint}}}"),
        (re.compile(rf"(=[^=,;]{{1,40}}?)\s(?:{letters})\s+(?=[A-Za-z](?:_\w+)?\s*=)"), rf"\1 \\text{{{joint}}} "),
    )
)  # fmt: skip
_MICRO_SIGN = re.compile(rf"(?<=[\d\s])[\u00b5\u03bc]({MICRO_UNIT})(?![A-Za-z])")
_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{1,20}\|>|</?s>")


def restored(response: str) -> str:
    """A whole response with the commands restored that an unescaped backslash has cost: form feed + `rac`."""
    if response.isprintable():  # no control character at all
        return response
    if _LOST_IN_RESPONSE.search(response):
        for pattern, replacement in _LOST_ESCAPES[:-_HONEST]:
            response = pattern.sub(replacement, response)
    if _LOST_AT_BEGINNING.search(response):
        for pattern, replacement in _LOST_ESCAPES:
            response = re.sub(_BEGINNING + pattern.pattern, replacement, response)
    return response


def normalize(text: str) -> str:
    """`text` with one spelling per sign: ASCII where possible, LaTeX commands for the rest."""
    if "<" in text or "&" in text:
        for pattern, replacement in _HTML:
            text = pattern.sub(replacement, text)
        text = _SPECIAL_TOKEN.sub("", text)
    if "\\begin" in text:
        text = _EQUATION_BODY.sub(_equations, brace_systems(text))
    if not text.isprintable() and _NEEDS_ESCAPE_REPAIR.search(text):
        for pattern, replacement in _LOST_ESCAPES:
            text = pattern.sub(replacement, text)
    if "\\\\" in text:
        text = _undouble(text)
    if "=" in text or "<" in text or "\\" in text:
        for pattern, joint in _JOINTS:
            text = pattern.sub(joint, text)
    text = respell(text if text.isascii() else _HAN_SCALED.sub(_han_scaled, text))
    if not text.isascii():
        text = _ascii(text)
    if "\\" in text and "(" in text:
        text = _PART_IN_TEXT.sub(r"\1 ", text)
    if text[:5].lstrip()[:3].startswith(_PARTS) and _ENUMERATED.match(text):
        parts = _FORMULA_SIGN.sub(" ", _PART_MARK.sub(" ; ", text))
        text = "\\langle " + parts.strip(" ;") + " \\rangle"
    return text.strip()


def _equations(found: re.Match[str]) -> str:
    """The rows of an equation environment; a row that begins with a relation goes on with the one before."""
    joined = ""
    for row in re.split(r"\\\\(?:\[[^\]]{0,9}\])?", found[2].replace("&", " ")):
        if row.strip():
            goes_on = not joined or re.match(r"\s*(?:=|\\(?:approx|le|ge|lt|gt))", row)
            joined += (" " if goes_on else " ; ") + row.strip()
    return joined


def trim(text: str) -> str:
    """Without white space, formula signs and the full stop of the sentence around an answer."""
    if "\\(" in text or "\\[" in text or "\\)" in text:
        text = _DELIMITERS.sub(" ", text)
    if text.count("$") == 1:
        text = _DOLLARS.sub(r"\1\\$", text)  # $25 is money; $25$ is a formula
    text = text.strip(" \t\n$")
    while text and text[-1] in ".;,$ \n\t" and not text.endswith(("...", "\\;", "\\,", "\\ ", "\\$")):
        text = text[:-1]
    while text.endswith("\\"):
        text = text[:-1].rstrip()  # what is left of a space command, or a row break
    return text.lstrip(" \t\n$;,")


def _undouble(text: str) -> str:
    r"""`\\frac` -> `\frac` where the whole text is escaped twice; in a matrix a `\\` is a row break."""
    if not _DOUBLED.search(text):
        return text
    if "\\begin" not in text:
        return re.sub(r"\\\\(?=[a-zA-Z{}%$,;!])", r"\\", text)
    return text if re.search(r"(?<!\\)\\(?:\\\\)*(?=[a-zA-Z])", text) else text.replace("\\\\", "\\")


def _ascii(text: str) -> str:
    text = _MICRO_SIGN.sub(r"\\text{u\1}", text)
    text = _ROOT_SIGN.sub(lambda found: ("\\sqrt{" if found[1] == "√" else "\\sqrt[3]{") + found[2] + "}", text)
    text = _ABOVE_RUN.sub(lambda run: f"^{{{run[0].translate(_PLAIN)}}}", text)
    text = _BELOW_RUN.sub(lambda run: f"_{{{run[0].translate(_PLAIN)}}}", text)
    text = _CIRCLED_RUN.sub(lambda run: ", ".join(map(_compatible, re.findall("[①-⑳]", run[0]))), text)
    text = _HAN_FRACTION.sub(_han_fraction, text)
    text = _VULGAR.sub(lambda found: "\\frac{{{}}}{{{}}}".format(*_compatible(found[0]).split("⁄")), text)
    text = text.translate(_TRANSLATION)
    return text if text.isascii() else "".join(map(_fold, text)).translate(_TRANSLATION)


def _compatible(sign: str) -> str:
    """The plain signs that a circled, full-width or mathematical one, or a fraction, stands for."""
    return unicodedata.normalize("NFKC", sign)


def _han_scaled(found: re.Match[str]) -> str:
    """3.5万 as 35000."""
    decimals = found[2] or ""
    zeros = _HAN_ZEROS[found[3]] - len(decimals)
    digits = (found[1] + decimals).lstrip("0") or "0"
    return digits + "0" * zeros if zeros >= 0 else f"{found[1]}{decimals[:zeros]}.{decimals[zeros:]}"


def _han_fraction(found: re.Match[str]) -> str:
    """三分之一 as a fraction, 百分之二十五 as a percentage; as written where a part is no number."""
    whole, part = (int(piece) if piece.isascii() else chinese_number(piece) for piece in found.groups())
    if whole is None or part is None:
        return found[0]
    return f"{part}\\%" if whole == 100 else f"\\frac{{{part}}}{{{whole}}}"


def _fold(sign: str) -> str:
    """Full-width and mathematical letters and digits as plain ones; other scripts' digits by value."""
    folded = _compatible(sign)
    if sign.isascii() or (folded.isascii() and folded.isalnum()):
        return folded
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    return folded if len(folded) == 1 else sign


def chinese_number(text: str) -> int | None:
    """The value of a number written in Chinese numerals below 100,000,000; None if `text` is none."""
    if not _CHINESE_NUMBER.fullmatch(text):
        return None
    total = section = digit = 0
    for sign in text:
        if sign in _CHINESE_DIGITS:
            digit = digit * 10 + _CHINESE_DIGITS[sign] if section == 0 and digit else _CHINESE_DIGITS[sign]
        elif sign == "万":
            total, section, digit = (total + section + digit) * 10_000, 0, 0
        else:
            section += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[sign]
            digit = 0
    return total + section + digit


def canonical_words(text: str) -> str:
    """Words for comparison: no LaTeX font commands, case, punctuation or articles."""
    if "\\" in text or "~" in text:
        text = _WORD_SPACES.sub(" ", _TEXT_COMMANDS.sub(" ", text))
    text = (text if text.isascii() else _compatible(text)).casefold()
    words = [word for word in text.translate(_PUNCTUATION).split() if word not in _ARTICLES]
    if len(words) > 1 and words[0] == "a" and len(words[1]) > 2:
        words = words[1:]
    return " ".join(words)


_TEXT_COMMANDS, _WORD_SPACES = re.compile(TEXT), re.compile(r"\\[,;:! ]|~")
_PUNCTUATION = dict.fromkeys(map(ord, "{}$\\\"'`*.,;:!?()[]_"), " ")
_ARTICLES = frozenset(("the", "an"))
