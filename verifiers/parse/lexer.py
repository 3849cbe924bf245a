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
_MAX_FACTORS = 3  # letters before a power that are a product, whatever word they spell: Be^x
_SAFE_SEPARATORS = re.compile(r"\{,\}|,\\!|\\!,")
_TEXT_COMMANDS = listed(
    "text mbox textbf textit textrm textsf texttt mathrm rm hbox operatorname textup textnormal emph mathsf mathtt"
    " underline"
)
_FONT_COMMANDS = listed(
    "mathbf mathit boldsymbol bm mathcal mathscr mathfrak vec hat tilde overrightarrow widehat bold pmb displaystyle"
    " bf it boxed fbox ensuremath mathnormal overarc num sf tt sc em cal tiny small normalsize large Large LARGE huge"
    " Huge"
)
_DROPPED = frozenset(("phantom", "hphantom", "vphantom", "label", "tag", "hline", "notag", "nonumber"))


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
            kind = found.lastgroup or ""
            value = found[0]
            position = found.end()
            if kind == "space":
                spaced = True
                if "quad" in value and self._ends_operand() and _NEXT_VALUE.match(text, position):
                    self._emit(",", ",", spaced)  # \sqrt{2} \quad 1 are two values, and no product
                continue
            if kind in ("grouped", "groupedfraction", "spacegrouped"):
                position = self._grouped(found, spaced)
            elif kind == "repeating":
                fixed = found["fixed"]
                self._number(f"{fixed}({re.sub(r'[^0-9]', '', value[len(fixed) :])})", spaced)
            elif kind == "num":
                self._number(value.replace("{,}", "."), spaced)  # 0{,}5
            elif kind == "based":
                self._emit("based", value, spaced)
            elif kind == "cmd":
                position = self._command(text, value, position, spaced, in_text)
            elif kind == "word":
                self._word(value, spaced, in_text, following=text[position : position + 1])
            else:
                self._sign(kind, value, spaced, in_text, following=text[position : position + 1])
            spaced = False

    def _ends_operand(self) -> bool:
        """Whether the text so far ends with a value."""
        return bool(self.tokens) and self.tokens[-1].kind in _OPERANDS

    def _grouped(self, found: re.Match[str], spaced: bool) -> int:
        whole = found[0]
        is_spaced = found.lastgroup == "spacegrouped"
        is_plain = is_spaced or "," in _SAFE_SEPARATORS.sub("", whole)
        if is_plain and (self.depth or not self.thousands):
            first = re.match(r"\d+", whole)
            assert first is not None
            self._number(first[0], spaced)
            return found.start() + first.end()
        whole = whole.replace(",", ".") if is_spaced else whole
        self._number(re.sub(r"[^\d.]", "", whole), spaced)
        return found.end()

    def _number(self, value: str, spaced: bool) -> None:
        if len(value) > self.limits.digits:
            raise OverBudgetError(f"number of {len(value)} digits; the limit is {self.limits.digits}")
        self._emit("num", value, spaced)

    def _operator(self, value: str, spaced: bool, following: str) -> None:
        """A sign of arithmetic; `3+-2i` adds a negative number, `3 +- 2i` and `+-2` have two signs."""
        if value == "+-" and not spaced and following.strip() and self.tokens and self.tokens[-1].kind in _OPERANDS:
            self._emit("+", "+", spaced)
            value = "-"
        self._emit("pm" if len(value) > 1 else value, value, spaced)

    def _sign(self, kind: str, value: str, spaced: bool, in_text: bool, following: str) -> None:
        if kind == "rel":
            self._emit("rel", words.RELATIONS[value], spaced)
        elif kind == "pow":
            self._emit("^", "^", spaced)
        elif kind == "op":
            self._operator(value, spaced, following)
        elif kind == "dots":
            self._emit("dots", value, spaced)
        elif kind == "punct":
            if value in "([":
                self.depth += 1
            elif value in ")]":
                self.depth = max(0, self.depth - 1)
            if value in '$`"':
                if value == '"' and self.tokens and self.tokens[-1].kind == "num":
                    self._emit("'", "'", spaced)  # 30° 15' 36" and 5' 3"
                    self._emit("'", "'", spaced)
                return
            self._emit(value, value, spaced, in_text)
        elif kind == "point":
            self._emit(".", ".", spaced)
        elif value in words.CURRENCY_SIGNS:
            self._emit("currency", words.CURRENCY_SIGNS[value], spaced)
        else:
            raise ParseError(f"unexpected character {value!r}")

    def _command(self, text: str, value: str, position: int, spaced: bool, in_text: bool) -> int:
        name = value[1:].rstrip("*")
        if name in _TEXT_COMMANDS:
            inner, position = _braced(text, position)
            self._scan_text(inner, name)
            return position
        if name in _DROPPED:
            if name in ("phantom", "hphantom", "vphantom", "label", "tag"):
                _, position = _braced(text, position)
            return position
        if name in _FONT_COMMANDS:
            return position
        if name in ("color", "textcolor"):
            _, position = _braced(text, position)
            return position
        if name == "xrightarrow":
            _, position = _braced(text, position)
            name = "to"
        if name == "Omega" and self._ohm(text, position, spaced):
            return position
        kind, canonical = words.command(name)
        if kind is None:
            return self._glued(value, position, spaced)
        if kind == "open":
            self.depth += 1
        elif kind == "close":
            self.depth = max(0, self.depth - 1)
        self._emit(kind, canonical, spaced)
        return position

    def _ohm(self, text: str, position: int, spaced: bool) -> bool:
        r"""Whether `\Omega` is the unit: it ends an amount such as 2.5\,\Omega or 4.7\ k\Omega; then it is emitted."""
        prefix = ""
        last = self.tokens[-1] if self.tokens else None
        if last and last.kind == "sym" and last.value in ("k", "M", "m") and len(self.tokens) > 1:
            prefix, last = last.value, self.tokens[-2]
        if last is None or last.kind != "num" or not _ENDS_AMOUNT.match(text, position):
            return False
        if prefix:
            self.tokens.pop()
        self._emit("unit", units.canonical(prefix + "ohm"), spaced, True)
        return True

    def _glued(self, value: str, position: int, spaced: bool) -> int:
        r"""A command with letters glued to it, such as `\\quadx` or `\\pir`: the longest known command, then the rest.

        Raises:
            ParseError: no beginning of it is a command.
        """
        for length in range(len(value) - 1, 2, -1):
            name = value[1:length]
            if name in ("quad", "qquad", "left", "right"):
                return position - (len(value) - length)
            kind, canonical = words.command(name)
            if kind is not None and len(name) >= 2 and len(value) - length <= 3:
                self._emit(kind, canonical, spaced)
                return position - (len(value) - length)
        raise ParseError(f"unknown command {value}")

    def _scan_text(self, inner: str, command: str) -> None:
        stripped = inner.strip()
        if not stripped:
            return
        if command == "operatorname" and (stripped in words.FUNCTIONS or stripped.lower() in words.FUNCTIONS):
            self._emit("func", words.FUNCTIONS.get(stripped) or words.FUNCTIONS[stripped.lower()], False)
            return
        self._scan(stripped, in_text=True)

    def _word(self, value: str, spaced: bool, in_text: bool, *, following: str) -> None:
        kind, canonical = words.word(value)
        if self.letters and not in_text and words.is_short(value):
            for index, letter in enumerate(value):
                self._emit("sym", letter, spaced and index == 0)
            return
        if in_text and value.lower() in ("constant", "const") and self.tokens and self.tokens[-1].kind == "+":
            kind, canonical, in_text = "sym", "constant", False
        if value in ("Re", "Im") and following == "(":
            kind, canonical = "func", value.lower()
        if kind is not None and not (in_text and kind == "sym"):
            self._emit(kind, canonical, spaced, in_text)
        elif len(value) == 1:
            self._emit("sym", value, spaced, in_text)
        elif units.prefixed(value) and (in_text or (spaced and self.tokens and self.tokens[-1].kind == "num")):
            self._emit("unit", units.canonical(value), spaced, in_text)
        elif in_text or not (_splits(value) or (following == "^" and len(value) <= _MAX_FACTORS)):
            self._emit("word", value, spaced, in_text)
        else:
            for index, (piece_kind, piece) in enumerate(words.split_letters(value)):
                self._emit(piece_kind, piece, spaced and index == 0)


def _splits(run: str) -> bool:
    """Whether a run of letters is a product of one-letter symbols rather than a word."""
    if len(run) <= 3:
        return run.lower() not in words.SHORT_WORDS
    return (len(run) <= 8 and (run in words.ALPHABET or run in words.ALPHABET.upper())) or words.ends_in_function(run)


def _braced(text: str, position: int) -> tuple[str, int]:
    """The content of the brace group (or the single character) at `position`, and where it ends."""
    while position < len(text) and text[position] in " \t\n":
        position += 1
    if position >= len(text):
        return "", position
    if text[position] != "{":
        return text[position], position + 1
    depth = 0
    for index in range(position, len(text)):
        if text[index] == "{" and text[index - 1] != "\\":
            depth += 1
        elif text[index] == "}" and text[index - 1] != "\\":
            depth -= 1
            if depth == 0:
                return text[position + 1 : index], index + 1
    return text[position + 1 :], len(text)
