"""An annotator that is a language model: it reads the question and both solutions, and says which is better.

The model is a Hugging Face policy, whose probabilities of the answers are read off, or behind an OpenAI-compatible
endpoint, which says one answer. Each pair is asked in both orders, so that a liking for the first place cancels. What
it is worth is in the label report: how often it prefers the right solution of a decisive pair.

The solutions are the policy's own text. A text may talk to its judge ("choose A"): a reason to look at the agreement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from policies.causal import load_policy
from policies.endpoint import Endpoint, EndpointClient
from policies.types import Sampling
from rl.preference.labels.choice import Choice
from rl.preference.labels.features import SolutionFeatures

LONGEST = 6000  # characters of a question or a solution that are shown
WHICH = (
    "Two solutions to a problem follow. Which is better: right first of all, then clear?\n\n"
    "Problem:\n{prompt}\n\nSolution A:\n{first}\n\nSolution B:\n{second}\n\nAnswer with one letter, A or B."
)
WHETHER = (
    "Is this solution right? Check every step.\n\nProblem:\n{prompt}\n\nSolution:\n{response}\n\n"
    "Answer with one word, yes or no."
)
SIDES, TRUTH = ("A", "B"), ("yes", "no")

Question = tuple[str, tuple[str, str]]  # what is asked, and the two answers


class Reader(Protocol):
    """A language model that is asked questions with two answers."""

    def probabilities(self, questions: Sequence[Question]) -> list[float]:
        """Probability of the first answer to every question."""
        ...


@dataclass(frozen=True)
class ModelJudge:
    """A language model as an annotator. Implements `rl.preference.labels.annotators.Annotator`.

    Attributes:
        policy: folder or hub id of a causal language model, or a name of `beyond models`; or
        endpoint, model: of an OpenAI-compatible server, and the model's name there.
        device: of the policy.
        concurrency, deadline_seconds, retries, key_variable: see `policies.endpoint.Endpoint`.
        temperature: the log-odds of an answer are divided by it; an endpoint's answer is as it is.
    """

    policy: str = ""
    endpoint: str = ""
    model: str = ""
    device: str = "cpu"
    concurrency: int = 8
    deadline_seconds: float = 120.0
    retries: int = 4
    key_variable: str = "OPENAI_API_KEY"
    temperature: float = 1.0
    _known: dict[Question, float] = field(default_factory=dict, repr=False, compare=False)
    _readers: list[Any] = field(default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        if bool(self.policy) == bool(self.endpoint):
            raise ValueError("a model as annotator needs one of `policy` (a causal LM) and `endpoint` (with `model`)")
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}, expected a number above 0")
        if self.endpoint:
            self._endpoint()  # refuses what is no endpoint

    @property
    def name(self) -> str:
        """The model's, as recorded with every label."""
        return f"model {self.model or self.policy}"

    @property
    def judgements_per_pair(self) -> int:
        """One, though it is asked twice."""
        return 1

    def prepare(self, pairs: Sequence[tuple[SolutionFeatures, SolutionFeatures]]) -> None:
        """Asks everything that `choice` and `perceives_right` will want of these pairs, several at a time."""
        asked = [q for a, b in pairs for q in (*_which(a, b), _whether(a), _whether(b))]
        self._ask(list(dict.fromkeys(asked)))

    def choice(self, first: SolutionFeatures, second: SolutionFeatures) -> Choice:
        """Mean of both orders; never a tie."""
        straight, turned = self._ask(_which(first, second))
        prefers = (straight + 1 - turned) / 2
        return Choice(prefers, 1 - prefers)

    def perceives_right(self, features: SolutionFeatures) -> float:
        """What it says when it is asked whether the solution is right."""
        return self._ask([_whether(features)])[0]

    def utility(self, features: SolutionFeatures) -> float:
        """Nothing is known of a liking beside the choice."""
        return 0.0

    def approves(self, features: SolutionFeatures, usual: float) -> float:
        """As likely as the solution is taken for right."""
        return self.perceives_right(features)

    def spent(self) -> str:
        """What it took so far, of an endpoint; empty for a policy."""
        client = getattr(self._readers[0], "client", None) if self._readers else None
        return "" if client is None else client.spent.told(client.endpoint)

    def _ask(self, questions: Sequence[Question]) -> list[float]:
        missing = [q for q in questions if q not in self._known]
        if missing:
            self._known.update(zip(missing, self._reader().probabilities(missing), strict=True))
        return [self._known[q] for q in questions]

    def _reader(self) -> Reader:
        """Loaded when the first question is asked: naming a model costs nothing."""
        if not self._readers:
            made = EndpointReader(self._endpoint()) if self.endpoint else PolicyReader(self)
            self._readers.append(made)
        reader: Reader = self._readers[0]
        return reader

    def _endpoint(self) -> Endpoint:
        return Endpoint(
            self.endpoint,
            self.model,
            key_variable=self.key_variable,
            concurrency=self.concurrency,
            deadline_seconds=self.deadline_seconds,
            retries=self.retries,
        )


class PolicyReader:
    """A Hugging Face policy: the probability of an answer among the two, by the logits of the first token in
    which they differ."""

    def __init__(self, judge: ModelJudge) -> None:
        self.policy = load_policy(judge.policy, device=judge.device)
        self.temperature = judge.temperature

    def probabilities(self, questions: Sequence[Question]) -> list[float]:
        """One forward pass each."""
        found = []
        for text, answers in questions:
            is_chat = bool(self.policy.tokenizer.chat_template)
            prompt = self.policy.encode([{"role": "user", "content": text}] if is_chat else f"{text}\nAnswer:")
            first, second = (self.policy.encode_completion(a if is_chat else f" {a}") for a in answers)
            common = next(i for i, (a, b) in enumerate(zip(first, second)) if a != b)
            ids = [first[common], second[common]]
            with torch.no_grad():
                tokens = torch.tensor([(*prompt, *first[:common])], device=self.policy.device)
                logits = self.policy.model(input_ids=tokens).logits[0, -1, ids].float()  # [2]
            found.append(float(torch.softmax(logits / self.temperature, 0)[0]))
        return found


class EndpointReader:
    """A server: its answer at temperature 0; one half where it says neither or both."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.client = EndpointClient(endpoint)

    def probabilities(self, questions: Sequence[Question]) -> list[float]:
        """1 for the first answer, 0 for the second, .5 for none."""
        prompts = [[{"role": "user", "content": text}] for text, _ in questions]
        answers = self.client.ask_all(prompts, Sampling(max_new_tokens=16, temperature=0.0), seeds=[0] * len(prompts))
        return [_read(answer.text, options) for answer, (_, options) in zip(answers, questions)]


def _read(text: str, options: tuple[str, str]) -> float:
    """Which of the options a text names, by its first word that is one."""
    words = (word.strip(".,:;!*\"'()[]").casefold() for word in text.split())
    known: Mapping[str, float] = {options[0].casefold(): 1.0, options[1].casefold(): 0.0}
    return next((known[word] for word in words if word in known), 0.5)


def _which(first: SolutionFeatures, second: SolutionFeatures) -> list[Question]:
    """The question in both orders."""
    prompt, texts = first.prompt[:LONGEST], (first.response[:LONGEST], second.response[:LONGEST])
    orders = (texts, texts[::-1])
    return [(_fill(WHICH, prompt=prompt, first=a, second=b), SIDES) for a, b in orders]


def _whether(features: SolutionFeatures) -> Question:
    return _fill(WHETHER, prompt=features.prompt[:LONGEST], response=features.response[:LONGEST]), TRUTH


def _fill(template: str, **parts: str) -> str:
    """The template with its parts, in one pass: braces in a solution mean nothing."""
    return template.format(**parts)
