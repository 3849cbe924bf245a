r"""The LaTeX commands that set their argument as text, or in another font: what `\text{...}` is spelt as.

One list: a module that unwraps words, and one that skips them, must agree on what words are.
"""

from __future__ import annotations

import re

# longest first, since a pattern tries them in order
TEXT_COMMANDS = (
    "operatorname", "textnormal", "boldsymbol", "textrm", "textbf", "textit", "textsf", "texttt", "textup", "mathrm",
    "mathbf", "mathit", "mathsf", "mathtt", "text", "mbox", "hbox", "bold", "emph", "rm", "bf", "it",
)  # fmt: skip
TEXT = rf"\\(?:{'|'.join(TEXT_COMMANDS)})(?![a-zA-Z])\*?"  # the command, without its argument
_GROUP = re.compile(rf"{TEXT}\s*\{{([^{{}}]*)\}}")


def unwrapped(text: str, around: str = " ") -> str:
    """`text` with the words of its text commands alone, with `around` on both sides of them."""
    return _GROUP.sub(rf"{around}\1{around}", text) if "\\" in text else text
