"""The vocabulary of the grammar: which commands and words mean what. Data, and look-ups into it."""

from __future__ import annotations

from verifiers.text import listed, units

RELATIONS = {
    "=": "=", "==": "=", ":=": "=", "<": "<", ">": ">", "<=": "<=", "=<": "<=", ">=": ">=", "!=": "!=", "<>": "!=",
    "=>": "implies", "<=>": "iff", "->": "to",
}  # fmt: skip
CURRENCY_SIGNS = {
    "€": "euro", "£": "pound_sterling", "¥": "yen", "$": "dollar", "₹": "rupee", "￥": "yuan", "¢": "cent",
}  # fmt: skip
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"

# spelling -> canonical function name
FUNCTIONS = {name: name for name in (
    "sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "sech", "csch", "arcsin", "arccos",
    "arctan", "arccot", "arcsec", "arccsc", "arcsinh", "arccosh", "arctanh", "ln", "log", "lg", "exp", "sqrt", "abs",
    "floor", "ceil", "gcd", "lcm", "min", "max", "det", "sgn", "arg", "gamma",
    "cis", "cbrt", "binomial", "factorial", "root",
    "span", "diag", "frac", "sup", "inf", "dim", "ker", "deg",
)} | {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "acot": "arccot", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "arsinh": "arcsinh", "arcosh": "arccosh", "artanh": "arctanh", "arcsinh": "arcsinh",
    "cosec": "csc", "ctg": "cot", "tg": "tan", "arctg": "arctan", "sh": "sinh", "ch": "cosh", "th": "tanh",
    "sign": "sgn", "ceiling": "ceil", "binom": "binomial", "nCr": "binomial", "C": "binomial", "Re": "re", "Im": "im",
    "Gamma": "gamma", "hcf": "gcd", "gcf": "gcd",
}  # fmt: skip
_NOT_PLAIN = listed("C frac inf deg sup dim ker Re Im gamma Gamma sh ch th arg")
_NOT_COMMAND = frozenset(("C", "inf", "deg", "gamma", "Gamma", "frac", "sqrt", "root", "th", "sh", "ch", "sup"))
GREEK = listed(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega"
    " Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar aleph"
)
_VARIANTS = {f"var{name}": name for name in ("epsilon", "theta", "phi", "rho", "sigma", "pi")}


def _by_name(table: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Name -> (token kind, canonical value), of a table from `kind value`, or a kind that is its value, to names."""
    found = {}
    for target, names in table.items():
        kind, space, value = target.partition(" ")
        found.update(dict.fromkeys(names.split(), (kind, value if space else kind)))
    return found


_COMMANDS = _by_name({
    "frac": "frac dfrac tfrac cfrac nicefrac sfrac", "sqrt": "sqrt surd", "func cbrt": "cbrt",
    "binom": "binom dbinom tbinom", "choose": "choose", "const pi": "pi", "const inf": "infty infin",
    "const empty": "emptyset varnothing", "*": "times cdot ast cdotp bullet star", "/": "div slash", "over": "over",
    "pm": "pm", "mp": "mp", "rel <=": "le leq leqslant leqq ngtr", "rel >=": "ge geq geqslant geqq nless",
    "rel <": "ngeq lt", "rel >": "nleq gt", "rel !=": "ne neq", "rel approx": "approx simeq doteq approxeq",
    "rel equiv": "equiv", "rel cong": "cong", "rel sim": "sim propto", "rel in": "in", "rel notin": "notin",
    "rel ni": "ni", "rel subset": "subset subseteq", "rel supset": "supset supseteq",
    "rel implies": "implies Rightarrow Longrightarrow", "rel iff": "iff Leftrightarrow Longleftrightarrow",
    "rel to": "to rightarrow longrightarrow mapsto", "rel perp": "perp", "rel parallel": "parallel", ":": "colon",
    "setop union": "cup bigcup cupdot sqcup", "setop intersection": "cap bigcap",
    "setop minus": "setminus backslash smallsetminus", "open floor": "lfloor", "close floor": "rfloor",
    "open ceil": "lceil", "close ceil": "rceil", "open angle": "langle", "close angle": "rangle",
    "open set": "lbrace {", "close set": "rbrace }", "[": "lbrack", "]": "rbrack", "|": "lvert rvert vert mid",
    "||": "lVert rVert Vert |", "begin": "begin", "endenv end": "end", "row": "\\ cr newline", "big sum": "sum",
    "big prod": "prod", "int": "int", "int iint": "iint", "lim": "lim", "partial": "partial", "bb": "mathbb Bbb",
    "const R": "R reals", "const Z": "Z", "const N": "N", "const Q": "Q", "const C": "C", "degree": "circ degree",
    "'": "prime", "overline": "overline bar overarc", "overline dot": "dot",
    "dots": "ldots dots cdots dotsc dotsb vdots ddots dotso", "and": "land wedge And", "or": "lor vee",
    "not": "neg lnot not", "forall": "forall", "exists": "exists", "shape angle": "angle measuredangle",
    "shape triangle": "triangle", "shape circle": "odot", "mod": "mod bmod", "pmod": "pmod", "percent %": "%",
    "percent permil": "permil", "currency dollar": "$", "currency pound_sterling": "pounds", "currency euro": "euro",
    "currency yen": "yen", "skip ": "therefore because blacksquare square #", "_": "_", "&": "&", "sym i": "imath",
    "sym j": "jmath", "sym top": "top intercal", "unit angstrom": "AA", "sym nabla": "nabla", "func re": "Re",
    "func im": "Im", "^c": "complement", "rel notdivides": "nmid", "rel divides": "divides",
})  # fmt: skip
_COMMANDS |= {
    name: ("func", canonical)
    for name, canonical in FUNCTIONS.items()
    if name not in _NOT_COMMAND and name not in _COMMANDS
}
_COMMANDS |= {name: ("sym", name) for name in GREEK if name not in _COMMANDS}
_COMMANDS |= {name: ("const", "pi") if target == "pi" else ("sym", target) for name, target in _VARIANTS.items()}

_WORDS = _by_name({
    "and": "and", "or": "or", "const pi": "pi", "const inf": "infinity oo infty inf",
    "percent %": "percent pct percentage", "degree": "degrees degree deg", "mod": "mod modulo",
    "setop union": "union", "unit cup": "cup", "setop intersection": "intersect", "choose": "choose",
    "scale 1000": "thousand", "scale 1000000": "million", "scale 1000000000": "billion",
    "scale 1000000000000": "trillion", "scale 100": "hundred", "scale 12": "dozen",
    "skip ": "only approximately about either exactly therefore hence", "where for": "for", "where": "where",
    "where with": "with", "where if": "if", "where when": "when", "not": "not", "in": "in",
    "where otherwise": "otherwise", "rel to": "to", "word than": "than", "dots": "dots ldots",
    "const empty": "emptyset", "sqrt": "sqrt", "func min": "min", "func max": "max", "rel =": "equals",
})  # fmt: skip
_WORDS |= {
    name: ("func", canonical) for name, canonical in FUNCTIONS.items() if name not in _NOT_PLAIN and name not in _WORDS
}
_WORDS |= {
    name: ("sym", name) for name in GREEK if name not in ("ell", "hbar", "aleph", "nu", "mu", "xi", "eta", "Pi", "Xi")
}
SHORT_WORDS = listed(
    "yes no odd all one two six ten not the any for is it of on are but can few tie mon tue wed thu fri sat jan feb"
    " mar apr jun jul aug sep oct nov dec am pm he we my day who his her its was has had nth th st nd rd as at by an"
    " be if then than non max may maybe none null nan so do did up add sum top low new old out off use see set let say"
    " via per net"
)
ORDINALS = frozenset(("th", "st", "nd", "rd"))

# Words that change the number before them or deny it: "5 is wrong", "5 or maybe 6", "5 less", "5 squared".
NOT_A_UNIT = listed(
    "is are was not no wrong false maybe perhaps or either but it if unless minus plus times divided less more than"
    " squared cubed factorial half halves third thirds quarter quarters fifth tenth tenths hundredth hundredths"
    " thousandth thousandths twice double triple score dozens hundreds thousands millions billions gross pairs over"
    " under least most between from except incorrect right true instead actually wait likely probably possibly and"
    " then to negative base zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty"
    " fifty hundred thousand million billion percent choose mod undefined never neither nor without off up down error"
    " root power powers lakh crore nil null none any all other others rejected impossible cannot at minimum maximum"
    " below above"
)


def command(name: str) -> tuple[str | None, str]:
    """(token kind, canonical value) of a LaTeX command without its backslash; (None, "") if unknown."""
    return _COMMANDS.get(name, (None, ""))


def word(run: str) -> tuple[str | None, str]:
    """(token kind, canonical value) of a run of letters; (None, "") if it is no word of the vocabulary."""
    found = _WORDS.get(run) or (_WORDS.get(run.lower()) if len(run) > 1 else None)
    if found:
        return found
    if len(run) > 1 and units.is_unit(run):
        return "unit", units.canonical(run)
    return None, ""


def is_short(run: str) -> bool:
    """Whether a run of two or three small letters is a word or a unit, where it could be a product of symbols."""
    return (
        2 <= len(run) <= 3 and run.islower() and (run in SHORT_WORDS or units.names_unit(run)) and run not in FUNCTIONS
    )


def split_letters(run: str, *, is_raised: bool) -> list[tuple[str, str]]:
    """Tokens of a run of letters that is a product: xsin -> x, sin; npi -> n, pi; abc -> a, b, c; none for a word.

    Before a power, two or three letters are a product whatever they spell: Be^x.
    """
    name = next((name for name in ("sin", "cos", "tan", "sqrt", "log", "ln", "pi") if run.endswith(name)), "")
    is_glued = bool(name) and len(run) - len(name) in (1, 2)
    is_alphabet = len(run) <= 8 and (run in _ALPHABET or run in _ALPHABET.upper())
    if not (is_glued or is_alphabet) if len(run) > 3 else (run.lower() in SHORT_WORDS and not is_raised):
        return []
    letters = [("sym", letter) for letter in (run[: -len(name)] if is_glued else run)]
    return [*letters, _WORDS[name]] if is_glued else letters
