"""An environment for programs that cannot import this project: questions and answers as JSON lines on stdin and stdout.

    python -m envs.present.remote word_problems

    {"do": "problems", "num": 2, "split": "train", "seed": 0}   -> [{"prompt": [...], "answer": ..., "problem": ...}]
    {"do": "say", "problem": ..., "turns": [...]}               -> {"observation": ... or null, "is_over": ...}
    {"do": "grade", "problem": ..., "turns": [...]}             -> {"score": ..., "outcome": ..., "detail": ...}

`turns` are messages after the prompt, the policy's (role assistant) and the environment's (any other role); the last
one is the policy's. Such a program is one that holds another package called `verifiers` (docs/writing-environments.md).
"""

from __future__ import annotations

import json
import sys
from typing import Any

from envs.environment import Environment
from envs.present.conversation import Conversation, grading_processes
from envs.present.export import rows
from envs.registry import make
from envs.types import Message, Problem
from verifiers.pool.verifier_pool import VerifierPool


def answer(env: Environment, grading: VerifierPool, question: dict[str, Any]) -> Any:
    """The answer to one question.

    Raises:
        ValueError, KeyError: it is none.
    """
    if question["do"] == "problems":
        asked = {key: question[key] for key in ("num", "split", "seed") if key in question}
        return [_as_messages(row) for row in rows(env, "prompt_only", **asked)]
    conversation = Conversation(env, Problem.from_json(json.loads(question["problem"])), grading)
    *before, last = question["turns"]
    conversation.turns = [Message("assistant" if m["role"] == "assistant" else "tool", m["content"]) for m in before]
    if question["do"] == "say":
        said = conversation.say(last["content"])
        return {"observation": said or None, "is_over": conversation.stop is not None}
    if question["do"] == "grade":
        conversation.turns.append(Message("assistant", last["content"]))
        verdict = conversation.verdict()
        return {"score": verdict.score, "outcome": verdict.outcome.value, "detail": verdict.detail}
    raise ValueError(f"do is {question['do']!r}, expected problems, say or grade")


def _as_messages(row: dict[str, Any]) -> dict[str, Any]:
    prompt = row["prompt"]
    return {**row, "prompt": [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt}


def main() -> None:
    """Answers questions until the input ends."""
    env = make(sys.argv[1])
    assert env.spec is not None
    with grading_processes(env.spec) as grading:
        for line in sys.stdin:
            try:
                told: Any = answer(env, grading, json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                told = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
