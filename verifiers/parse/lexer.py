r"""Text -> tokens. One regular expression; LaTeX and plain notation give the same tokens.

The grammar sees no `\left`, no `\,`, no `\dfrac`: spelling variants end here. Each token remembers whether white
space came before it, because `2 1/2` is a mixed number and `21/2` is not.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from verifiers.parse import words
from verifiers.parse.limits import Limits, OverBudgetError, ParseError
from verifiers.text import listed, units


class Token(NamedTuple):
    """kind: num, sym, func, const, op, rel, open, close, cmd, text, unit, word, sep, and, or, end ..."""

    kind: str
    value: str
    spaced: bool = False
    in_text: bool = False


# Three digits after a group separator, and no zero first; inside brackets only the unmistakable `{,}` and `,\!` count.
_GROUPED = r"(?!0)\d{1,3}(?:(?:\{,\}|,\\!|\\!,|\\,|\\;|\\:|\\\ |,|')\d{3})+(?!\d)(?![.]\d*,\d)"
_SPACE_GROUPED = r"(?!0)\d{1,3}(?:[ ~\u00a0\u202f]\d{3})+(?:[.,]\d+)?(?![\d.,]|\s*[/\\])"  # 1 234/567 is a mixed number
_BASED = (
    r"0[bB][01]{1,400}(?![0-9A-Za-z])|0[xX][0-9A-Fa-f]{1,400}(?![0-9A-Za-z])"
    r"|(?:\d[0-9A-Z]*[A-Z][0-9A-Z]*|[A-F][0-9A-F]+)(?=_\{?(?:1[1-9]|[23]\d)(?!\d))"  # 2A_{16}; letters are digits
)
_DOTTED = r"\s*\\dot\s*(?:\{\d\}|\d)"  # 0.\overline{3}, 0.1(6), 0.\dot{1}4\dot{2}
_PERIOD = rf"(?:\s*\\(?:overline|bar)(?![a-zA-Z])\s*(?:\{{\s*\d+\s*\}}|\d)|\(\d+\)|{_DOTTED}(?:\d*{_DOTTED})?)"
_LEXER = re.compile(
    rf"""
      (?P<space>(?:\s|~|\\[,;:!\ ]|\\(?:quad|qquad|hspace\*?\{{[^{{}}]{{0,12}}\}}|enspace|thinspace
          |displaystyle|textstyle|limits|nolimits|left|right|[bB]igg?[lrm]?|hfill|medspace|smallskip|nobreak|relax|middle
          )(?![a-zA-Z])\.?)+)
    | (?P<based>{_BASED})
    | (?P<grouped>{_GROUPED})(?P<groupedfraction>\.\d+)?
    | (?P<spacegrouped>{_SPACE_GROUPED})
    | (?P<repeating>(?P<fixed>\d+\.\d*|\.\d+){_PERIOD})
    | (?P<num>\d+(?:\.\d+|\{{,\}}\d+)?(?:[eE][+-]?\d+(?![a-zA-Z]))?|\.\d+|\d+\.(?!\d|\.))
    | (?P<cmd>\\[a-zA-Z]+\*?|\\[%$\#&_{{}}|\\])
    | (?P<word>[A-Za-z]+)
    | (?P<rel><=>|=>|<=|>=|!=|==|<>|:=|=<|->|<|>|=)
    | (?P<pow>\*\*|\^)
    | (?P<op>\+-|\+/-|[-+*/])
    | (?P<dots>\.\.\.+)
    | (?P<punct>[()\[\]{{}}|,;:!'_%&^$?"@\#`])
    | (?P<point>\.)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NEXT_VALUE = re.compile(r"\d|[A-Za-z](?:_(?:\w|\{\w{1,6}\}))?\s*=")
_ENDS_AMOUNT = re.compile(r"[\s}]*(?:$|[,.;:)]|\\(?:text|quad))")
_OPERANDS = frozenset(("num", "sym", "const", "based", ")", "}", "]", "close", "percent"))
_MAX_GLUED = 3  # letters behind a command that are read apart from it
_SAFE_SEPARATORS = re.compile(r"\{,\}|,\\!|\\!,")
_BRACE = re.compile(r"(?<!\\)[{}]")
_TEXT_COMMANDS = listed(
    "text mbox textbf textit textrm textsf texttt mathrm rm hbox operatorname textup textnormal emph mathsf mathtt"
    " underline"
)
_FONT_COMMANDS = listed(
    "mathbf mathit boldsymbol bm mathcal mathscr mathfrak vec hat tilde overrightarrow widehat bold pmb displaystyle"
    " bf it boxed fbox ensuremath mathnormal overarc num sf tt sc em cal tiny small normalsize large Large LARGE huge"
    " Huge"
)
_DROPPED = ("hline", "notag", "nonumber")
_DROPPED_WITH_ARGUMENT = ("phantom", "hphantom", "vphantom", "label", "tag", "color", "textcolor")
_AS_WRITTEN = {"based": "based", "pow": "^", "dots": "dots", "point": "."}  # kind of match -> kind of token


class Lexer:
    """Turns one answer into tokens."""

    def __init__(self, text: str, limits: Limits, *, thousands: bool, letters: bool = False) -> None:
        self.text = text
        self.limits = limits
        self.thousands = thousands
        self.letters = letters  # a short word or unit outside a text command is a product: as, by, mg
        self.tokens: list[Token] = []
        self.depth = 0  # of round, square and curly set brackets, where a comma separates items

    def run(self) -> list[Token]:
        """The tokens, an `end` token last.

        Raises:
            OverBudgetError: more characters, tokens or digits than the limits.
            ParseError: a character that the grammar has no use for.
        """
        if len(self.text) > self.limits.chars:
            raise OverBudgetError(f"answer of {len(self.text)} characters; the limit is {self.limits.chars}")
        self._scan(self.text, in_text=False)
        self.tokens.append(Token("end", ""))
        return self.tokens

    def _emit(self, kind: str, value: str, spaced: bool, in_text: bool = False) -> None:
        if len(self.tokens) >= self.limits.tokens:
            raise OverBudgetError(f"more than {self.limits.tokens} tokens")
        self.tokens.append(Token(kind, value, spaced, in_text))

    def _scan(self, text: str, *, in_text: bool) -> None:
        position, spaced = 0, in_text
        while position < len(text):
            found = _LEXER.match(text, position)
            assert found is not None  # `other` matches any character
            kind, value, position = found.lastgroup or "", found[0], found.end()
            following = text[position : position + 1]
            if kind == "space":
                spaced = True
                if "quad" in value and self._follows(*_OPERANDS) and _NEXT_VALUE.match(text, position):
                    self._emit(",", ",", spaced)  # \sqrt{2} \quad 1 are two values, and no product
                continue
            if kind in ("grouped", "groupedfraction", "spacegrouped"):
                position = self._grouped(found, spaced)
            elif kind == "repeating":
                fixed = found["fixed"]
                self._number(f"{fixed}({re.sub(r'[^0-9]', '', value[len(fixed) :])})", spaced)
            elif kind == "num":
                self._number(value.replace("{,}", "."), spaced)  # 0{,}5
            elif kind == "cmd":
                position = self._command(text, value, position, spaced, in_text)
            elif kind == "word":
                self._word(value, spaced, in_text, following=following)
            elif kind == "op":
                self._operator(value, spaced, following)
            elif kind == "punct":
                self._punctuation(value, spaced, in_text)
            elif kind in _AS_WRITTEN:
                self._emit(_AS_WRITTEN[kind], value.replace("**", "^"), spaced)
            elif kind == "rel":
                self._emit("rel", words.RELATIONS[value], spaced)
            elif value in words.CURRENCY_SIGNS:
                self._emit("currency", words.CURRENCY_SIGNS[value], spaced)
            else:
                raise ParseError(f"unexpected character {value!r}")
            spaced = False

    def _follows(self, *kinds: str) -> bool:
        """Whether the last token is of one of these kinds."""
        return bool(self.tokens) and self.tokens[-1].kind in kinds

    def _grouped(self, found: re.Match[str], spaced: bool) -> int:
        whole = found[0]
        is_spaced = found.lastgroup == "spacegrouped"
        is_plain = is_spaced or "," in _SAFE_SEPARATORS.sub("", whole)
        if is_plain and (self.depth or not self.thousands):
            first = re.split(r"\D", whole, maxsplit=1)[0]
            self._number(first, spaced)
            return found.start() + len(first)
        whole = whole.replace(",", ".") if is_spaced else whole
        self._number(re.sub(r"[^\d.]", "", whole), spaced)
        return found.end()

    def _number(self, value: str, spaced: bool) -> None:
        if len(value) > self.limits.digits:
            raise OverBudgetError(f"number of {len(value)} digits; the limit is {self.limits.digits}")
        self._emit("num", value, spaced)

    def _operator(self, value: str, spaced: bool, following: str) -> None:
        """A sign of arithmetic; `3+-2i` adds a negative number, `3 +- 2i` and `+-2` have two signs."""
        if value == "+-" and not spaced and following.strip() and self._follows(*_OPERANDS):
            self._emit("+", "+", spaced)
            value = "-"
        self._emit("pm" if len(value) > 1 else value, value, spaced)

    def _punctuation(self, value: str, spaced: bool, in_text: bool) -> None:
        self._nest((value in "([") - (value in ")]"))
        if value == '"' and self._follows("num"):  # 30° 15' 36" and 5' 3"
            self._emit("'", "'", spaced)
            self._emit("'", "'", spaced)
        elif value not in '$`"':
            self._emit(value, value, spaced, in_text)

    def _nest(self, levels: int) -> None:
        self.depth = max(0, self.depth + levels)

    def _command(self, text: str, value: str, position: int, spaced: bool, in_text: bool) -> int:
        name = value[1:].rstrip("*")
        if name in _FONT_COMMANDS or name in _DROPPED:
            return position
        if name in _TEXT_COMMANDS or name in _DROPPED_WITH_ARGUMENT or name == "xrightarrow":
            inner, position = _braced(text, position)
            if name in _TEXT_COMMANDS:
                self._scan_text(inner, name)
            if name != "xrightarrow":
                return position
            value = "\\to"
        if name == "Omega" and self._ohm(text, position, spaced):
            return position
        kind, canonical, rest = _known(value[1:])
        self._nest((kind == "open") - (kind == "close"))
        if kind != "space":
            self._emit(kind, canonical, spaced)
        return position - rest

    def _ohm(self, text: str, position: int, spaced: bool) -> bool:
        r"""Whether `\Omega` is the unit: it ends an amount such as 2.5\,\Omega or 4.7\ k\Omega; then it is emitted."""
        prefix = self.tokens[-1].value if self._follows("sym") else ""
        amount = self.tokens[-2:-1] if prefix in ("k", "M", "m") else self.tokens[-1:]
        if not amount or amount[0].kind != "num" or not _ENDS_AMOUNT.match(text, position):
            return False
        if prefix:
            self.tokens.pop()
        self._emit("unit", units.canonical(prefix + "ohm"), spaced, True)
        return True

    def _scan_text(self, inner: str, command: str) -> None:
        stripped = inner.strip()
        function = words.FUNCTIONS.get(stripped) or words.FUNCTIONS.get(stripped.lower())
        if command == "operatorname" and function:
            self._emit("func", function, False)
        else:
            self._scan(stripped, in_text=True)

    def _word(self, value: str, spaced: bool, in_text: bool, *, following: str) -> None:
        kind, canonical = words.word(value)
        if self.letters and not in_text and words.is_short(value):
            for index, letter in enumerate(value):
                self._emit("sym", letter, spaced and index == 0)
            return
        if in_text and value.lower() in ("constant", "const") and self._follows("+"):
            kind, canonical, in_text = "sym", "constant", False
        if value in ("Re", "Im") and following == "(":
            kind, canonical = "func", value.lower()
        if kind is not None and not (in_text and kind == "sym"):
            self._emit(kind, canonical, spaced, in_text)
        elif len(value) == 1:
            self._emit("sym", value, spaced, in_text)
        elif units.prefixed(value) and (in_text or (spaced and self._follows("num"))):
            self._emit("unit", units.canonical(value), spaced, in_text)
        elif in_text or not (pieces := words.split_letters(value, is_raised=following == "^")):
            self._emit("word", value, spaced, in_text)
        else:
            for index, (piece_kind, piece) in enumerate(pieces):
                self._emit(piece_kind, piece, spaced and index == 0)


def _known(name: str) -> tuple[str, str, int]:
    r"""(token kind, value, letters left over) of the longest command that a name begins with: \\pir is \\pi r.

    Raises:
        ParseError: no beginning of it is a command.
    """
    for rest in range(max(1, len(name) - 1)):
        known = name[: len(name) - rest]
        kind, value = words.command(known)
        if kind is not None and rest <= _MAX_GLUED:
            return kind, value, rest
        if known in ("quad", "qquad", "left", "right"):
            return "space", "", rest
    raise ParseError(f"unknown command \\{name}")


def _braced(text: str, position: int) -> tuple[str, int]:
    """The content of the brace group (or the single character) at `position`, and where it ends."""
    position = len(text) - len(text[position:].lstrip(" \t\n"))
    if text[position : position + 1] != "{":
        return text[position : position + 1], min(position + 1, len(text))
    depth = 0
    for brace in _BRACE.finditer(text, position):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[position + 1 : brace.start()], brace.end()
    return text[position + 1 :], len(text)
