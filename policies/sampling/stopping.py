"""Where a completion ends: at an end token, or at a text that its writer was told to stop at.

Stop texts are for policies that never learned to write an end token, such as base models: their run-on ("\\nQuestion:")
ends the completion. They are looked for in the decoded text, since one text may be spelt by many tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.causal import CausalPolicy

SPARE_TOKENS = 2  # decoded before a stop text: a tokenizer may drop the space at the start of what it decodes


class StopTexts:
    """The texts that end a completion of a policy.

    Args:
        texts: none of them empty.
    """

    def __init__(self, policy: CausalPolicy, texts: Sequence[str]) -> None:
        self._decode, self.texts = policy.decode, tuple(texts)
        # a token of text is at least a byte of it
        self._window = max((len(text.encode()) for text in texts), default=0) + SPARE_TOKENS

    def ends(self, tokens: Sequence[int]) -> bool:
        """True when the newest token of a completion completes a stop text."""
        if not self.texts:
            return False
        tail = self._decode(tokens[-self._window :])
        return any(text in tail for text in self.texts)

    def cut(self, tokens: Sequence[int]) -> int:
        """How many tokens a completion has that was written without regard to stop texts: up to its first."""
        if not self.texts or not any(text in self._decode(tokens) for text in self.texts):
            return len(tokens)
        return next((end for end in range(1, len(tokens) + 1) if self.ends(tokens[:end])), len(tokens))

    def before(self, text: str) -> tuple[str, bool]:
        """A completion's text up to its first stop text, and whether there was one."""
        places = [place for place in map(text.find, self.texts) if place >= 0]
        return (text[: min(places)], True) if places else (text, False)
