"""Where an answer stands in a response: reasoning, steps, corrections, endings, denials, alternatives, languages.

Each row is a text with a right answer and a wrong one in it. Which of the two is the answer follows from the text, so a
row that must not be paid has the right answer where it does not count, and the other way round.
"""

from __future__ import annotations

import random

# (kind, text): {answer} is what the response says in the end, {other} stands where it does not count
_SAID: tuple[tuple[str, str], ...] = (
    ("reasoning", "<think>\nSo it is \\boxed{{{other}}}.\n</think>\n\nThe answer is \\boxed{{{answer}}}."),
    ("reasoning", "[THINK]The answer is {other}.[/THINK]The answer is \\boxed{{{answer}}}."),
    ("reasoning", "◁think▷\\boxed{{{other}}}◁/think▷\\boxed{{{answer}}}"),
    ("reasoning", "<|begin_of_thought|>\\boxed{{{other}}}<|end_of_thought|>\\boxed{{{answer}}}"),
    ("reasoning", "<seed:think>The answer is {other}.</seed:think>\\boxed{{{answer}}}"),
    ("reasoning", "hm, \\boxed{{{other}}}\n</think>\n\\boxed{{{answer}}}"),
    (
        "reasoning",
        "<|channel|>analysis<|message|>\\boxed{{{other}}}<|end|><|start|>assistant<|channel|>final<|message|>"
        "\\boxed{{{answer}}}<|return|>",
    ),
    ("step", "Step 1 gives $\\boxed{{{other}}}$.\n\nFinal Answer: ${answer}$"),
    ("step", "Step 1 gives {other}.\n\nStep 2 gives {answer}.\n\n#### {answer}"),
    ("correction", "The answer is \\boxed{{{other}}}. Wait, I made a mistake. The answer is \\boxed{{{answer}}}."),
    ("correction", "\\boxed{{{other}}}\n\nCorrection: the sum is off by a term.\n\n\\boxed{{{answer}}}"),
    ("supposed", "Many students say the answer is \\boxed{{{other}}}. In fact it is \\boxed{{{answer}}}."),
    ("supposed", "Suppose the answer is \\boxed{{{other}}}. That fails. So the answer is \\boxed{{{answer}}}."),
    ("supposed", "It cannot be \\boxed{{{other}}}, so it is \\boxed{{{answer}}}."),
    (
        "ending",
        "\\boxed{{{answer}}}<|im_end|>\n<|im_start|>user\nAnd if not?\n<|im_start|>assistant\n\\boxed{{{other}}}",
    ),
    ("ending", "The answer is \\boxed{{{answer}}}.</s>The answer is \\boxed{{{other}}}."),
    ("ending", "The answer is ${answer}$.\n\nQuestion: and the next?\nThe answer is ${other}$."),
    ("ending", "\\boxed{{{answer}}}<|endoftext|>\\boxed{{{other}}}"),
    ("ending", "The answer is \\boxed{{{answer}}}. [INST] Next. [/INST] The answer is \\boxed{{{other}}}."),
    ("ending", "答案是 \\boxed{{{answer}}}。\n\n问题：下一题。\n答案是 \\boxed{{{other}}}。"),
    ("ending", "\\boxed{{{answer}}}<start_of_turn>user\nNext.<start_of_turn>model\n\\boxed{{{other}}}"),
    ("denial", "The answer is not ${other}$ but ${answer}$."),
    ("denial", "The answer is ${answer}$, not ${other}$."),
    ("denial", "Die Antwort ist nicht ${other}$, sondern ${answer}$."),
    ("denial", "答案不是${other}$，而是${answer}$。"),
)
# the right answer alone, where it does not count
_NO_ANSWER: tuple[tuple[str, str], ...] = (
    ("reasoning", "<think>\nThe answer is \\boxed{{{answer}}}."),
    ("reasoning", "[THINK]\\boxed{{{answer}}}"),
    ("reasoning", "<|channel|>analysis<|message|>so \\boxed{{{answer}}}"),
    ("reasoning", "<think>\\boxed{{{answer}}}</think>\n\nI hope that this is clear."),
    ("ending", "I do not know.<|im_end|>\n<|im_start|>user\nIs it \\boxed{{{answer}}}?"),
    ("denial", "The answer is not \\boxed{{{answer}}}."),
    ("denial", "The answer is anything but ${answer}$."),
    ("denial", "La réponse n'est pas ${answer}$."),
    ("correction", "\\boxed{{{answer}}}\n\nWait, that is wrong. The answer is \\boxed{{}}"),
    ("correction", "The answer is \\boxed{{{answer}}}. This is wrong, as the check shows."),
    ("supposed", "If the die were fair, the answer would be ${answer}$."),
    ("supposed", "Is the answer ${answer}$?"),
)
# both, and no choice between them; only for single values
_BOTH: tuple[tuple[str, str], ...] = (
    ("alternatives", "The answer is ${answer}$ or ${other}$."),
    ("alternatives", "\\boxed{{{answer}}} or \\boxed{{{other}}}"),
    ("alternatives", "\\boxed{{{other} \\text{{ or }} {answer}}}"),
    ("alternatives", "The answer is either ${other}$ or ${answer}$."),
    ("alternatives", "\\boxed{{{answer}, {other}}}"),
    ("chain", "\\boxed{{{other} = {answer}}}"),
    ("alternatives", "\\boxed{{{answer} \\quad {other}}}"),
    ("alternatives", "\\boxed{{{answer}}} \\boxed{{{other}}}"),
    ("alternatives", "The answer is ${answer}$ (or ${other}$)."),
    ("alternatives", "Answer: {answer}; {other}"),
    ("alternatives", "\\boxed{{{answer} \\text{{ if }} x>0, {other} \\text{{ otherwise}}}}"),
    ("alternatives", "\\boxed{{\\{{{answer}, {other}\\}}}}"),
    ("alternatives", "<answer>{other}</answer> <answer>{answer}</answer> <answer>{other}</answer>"),
    ("alternatives", "The answer lies between ${answer}$ and ${other}$."),
    ("alternatives", "\\boxed{{{answer}}} if even, \\boxed{{{other}}} if odd"),
    ("denial", "\\boxed{{\\text{{not }} {answer}}}"),
    ("denial", "\\boxed{{{answer} \\text{{ is wrong}}}}"),
    ("denial", "\\boxed{{\\neq {answer}}}"),
    ("more", "\\boxed{{{answer} \\pm 1}}"),
    ("more", "\\boxed{{{answer} + C}}"),
    ("more", "\\boxed{{{answer} + \\epsilon}}"),
    ("more", "\\boxed{{{answer} + 2i}}"),
    ("more", "The answer is ${answer}$ plus one."),
    ("more", "The answer is the square root of $2 + {answer}$."),
    ("bound", "\\boxed{{> {answer}}}"),
    ("bound", "The answer is less than ${answer}$."),
    ("bound", "The answer is at least ${answer}$."),
)
_ANNOUNCED: tuple[tuple[str, str], ...] = tuple(
    ("language", text)
    for text in (
        "So the final answer is ${answer}$.", "**Answer:** ${answer}$", "<answer>{answer}</answer>", "Answer: {answer}",
        "Therefore, the answer is\n\\[\n{answer}\n\\]", "### Final Answer\n\n$$\n\\boxed{{{answer}}}\n$$",
        "Die Antwort lautet ${answer}$.", "La réponse est donc ${answer}$.",
        "Por lo tanto, la respuesta es ${answer}$.",
        "Portanto, a resposta é ${answer}$.", "La risposta è ${answer}$.", "Ответ: ${answer}$", "答案是${answer}$。",
        "故答案为：${answer}$．", "答えは${answer}$です。", "정답은 ${answer}$입니다.", "Đáp án là ${answer}$.",
        "Cevap: ${answer}$", "Odpowiedź to ${answer}$.", "Het antwoord is ${answer}$.", "उत्तर: ${answer}$",
        "الجواب هو ${answer}$", "The answer is $\\fbox{{{answer}}}$.", "\\boxed{{{answer}}}.</s>",
    )
)  # fmt: skip
SINGLE = frozenset(("number", "surd"))  # families whose answers are one value each


def right(answer: str, other: str, rng: random.Random) -> tuple[str, str]:
    """(kind, response) that says `answer` in the end."""
    kind, text = rng.choice((*_SAID, *_ANNOUNCED))
    return kind, text.format(answer=answer, other=other)


def wrong(right_answer: str, wrong_answer: str, family: str, rng: random.Random) -> tuple[str, str]:
    """(kind, response) that has the right answer only where it does not count, or beside a wrong one."""
    tables = (_SAID, _NO_ANSWER, _BOTH) if family in SINGLE else (_SAID, _NO_ANSWER)
    table = rng.choice(tables)
    kind, text = rng.choice(table)
    if table is _SAID:
        return kind, text.format(answer=wrong_answer, other=right_answer)
    return kind, text.format(answer=right_answer, other=wrong_answer)
