"""A language model behind an OpenAI-compatible server: text in, text out.

What comes back is data of a stranger: bodies are bounded, deadlines hold for a whole request however slowly its bytes
arrive, redirects are not followed, and nothing of it is run. Token ids are not known, so nothing can be trained on it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from policies.types import FinishReason, Sampling

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})  # statuses that may be another at the next try
LONGEST_PAUSE = 30.0  # seconds between two tries
MAX_BODY = 4 << 20  # bytes of an answer
SHOWN = 200  # characters of an answer that is no good, in the message


class EndpointError(RuntimeError):
    """The server gave no usable answer, after all tries; the message says what it gave."""


@dataclass(frozen=True)
class Endpoint:
    """Where the model is, and how it may be asked.

    Attributes:
        url: of the API, e.g. http://127.0.0.1:8000/v1.
        model: its name there.
        key_variable: environment variable that holds the API key; empty or unset: none is sent.
        concurrency: requests at a time.
        deadline_seconds: for one request, its answer included.
        retries: further tries of a request, after an error that may pass.
        price_in, price_out: of a million tokens read and written.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    concurrency: int = 8
    deadline_seconds: float = 120.0
    retries: int = 4
    price_in: float = 0.0
    price_out: float = 0.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"endpoint is {self.url!r}, expected a URL such as http://127.0.0.1:8000/v1")
        if not self.model:
            raise ValueError("an endpoint needs `model`, the model's name there")
        if self.concurrency < 1 or self.retries < 0 or self.deadline_seconds <= 0:
            raise ValueError(
                f"concurrency is {self.concurrency}, retries {self.retries} and deadline_seconds "
                f"{self.deadline_seconds:g}, expected at least 1, at least 0 and above 0"
            )


@dataclass(frozen=True)
class Answer:
    """What the model wrote.

    Attributes:
        finish: why it ended there.
        num_read, num_written: tokens, as the server counts them; estimated by length where it does not say.
    """

    text: str
    finish: FinishReason
    num_read: int
    num_written: int


@dataclass
class Spent:
    """What the answers so far took."""

    requests: int = 0
    retries: int = 0
    tokens_read: int = 0
    tokens_written: int = 0
    seconds: float = 0.0  # of waiting, all requests together
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(
        self, *, requests: int = 0, retries: int = 0, read: int = 0, written: int = 0, seconds: float = 0.0
    ) -> None:
        """Counts; safe from several threads."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.tokens_read += read
            self.tokens_written += written
            self.seconds += seconds

    def cost(self, endpoint: Endpoint) -> float:
        """In the unit of the endpoint's prices."""
        return (self.tokens_read * endpoint.price_in + self.tokens_written * endpoint.price_out) / 1e6

    def told(self, endpoint: Endpoint) -> str:
        """A line for a person."""
        cost = f", cost {self.cost(endpoint):.4f}" if endpoint.price_in or endpoint.price_out else ""
        return (
            f"{self.requests:,} requests ({self.retries:,} tried again), {self.tokens_read:,} tokens read, "
            f"{self.tokens_written:,} written, {self.seconds / max(self.requests, 1):.2f} s each{cost}"
        )


class EndpointClient:
    """Asks an endpoint, some requests at a time. To be closed.

    Raises:
        ImportError: httpx is not installed.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        try:
            import httpx  # an extra
        except ImportError as error:
            raise ImportError("an endpoint needs the package httpx: pip install -e '.[endpoint]'") from error
        key = os.environ.get(endpoint.key_variable, "") if endpoint.key_variable else ""
        self.endpoint = endpoint
        self.spent = Spent()
        self._transient = httpx.TransportError
        self._http = httpx.Client(
            timeout=httpx.Timeout(endpoint.deadline_seconds),
            limits=httpx.Limits(max_connections=endpoint.concurrency),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            follow_redirects=False,
        )
        self._pool = ThreadPoolExecutor(endpoint.concurrency, thread_name_prefix="endpoint")

    def ask_all(
        self, prompts: Sequence[str | Sequence[Mapping[str, str]]], sampling: Sampling, *, seeds: Sequence[int]
    ) -> list[Answer]:
        """An answer to every prompt, in their order. Prompts that are messages go to the chat API, texts to the other.

        Args:
            seeds: one per prompt; servers that take seeds repeat themselves with them.
        Raises:
            EndpointError: a prompt has no answer after all tries.
        """
        futures = [
            self._pool.submit(self.ask, prompt, sampling, seed=s) for prompt, s in zip(prompts, seeds, strict=True)
        ]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def ask(self, prompt: str | Sequence[Mapping[str, str]], sampling: Sampling, *, seed: int = 0) -> Answer:
        """An answer to one prompt.

        Raises:
            EndpointError: there is none after all tries.
        """
        path, body = _request(self.endpoint.model, prompt, sampling, seed)
        reason = ""
        for attempt in range(self.endpoint.retries + 1):
            began = time.monotonic()
            try:
                status, text, pause = self._post(path, body)
            except self._transient as error:
                status, text, pause = 0, f"{type(error).__name__}: {error}", None
            except TimeoutError as error:
                status, text, pause = 0, str(error), None
            if status == 200:
                answer = _read(text, prompt)
                self.spent.add(
                    requests=1,
                    read=answer.num_read,
                    written=answer.num_written,
                    seconds=time.monotonic() - began,
                )
                return answer
            reason = f"{f'status {status}: ' if status else ''}{' '.join(text.split())[:SHOWN]}"
            if status and status not in RETRIED:
                break
            if attempt < self.endpoint.retries:
                self.spent.add(retries=1)
                time.sleep(min(LONGEST_PAUSE, 0.5 * 2**attempt if pause is None else pause))
        raise EndpointError(f"{self.endpoint.url} (model {self.endpoint.model}) gave no answer: {reason}")

    def _post(self, path: str, body: Mapping[str, Any]) -> tuple[int, str, float | None]:
        """Status, body, and the pause that the server asks for.

        Raises:
            TimeoutError: the answer was not whole within the deadline.
            EndpointError: it is longer than MAX_BODY.
        """
        end = time.monotonic() + self.endpoint.deadline_seconds
        url = f"{self.endpoint.url.rstrip('/')}/{path}"
        parts, size = [], 0
        with self._http.stream("POST", url, json=body) as response:
            for part in response.iter_bytes():
                size += len(part)
                if size > MAX_BODY:
                    raise EndpointError(f"{url} sent more than {MAX_BODY >> 20} MiB for one answer")
                if time.monotonic() > end:
                    raise TimeoutError(f"no whole answer within {self.endpoint.deadline_seconds:g} s")
                parts.append(part)
            asked = response.headers.get("retry-after", "")
        pause = float(asked) if asked.isdecimal() else None
        return response.status_code, b"".join(parts).decode("utf-8", "replace"), pause

    def close(self) -> None:
        """Ends the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._http.close()


def _request(
    model: str, prompt: str | Sequence[Mapping[str, str]], sampling: Sampling, seed: int
) -> tuple[str, dict[str, Any]]:
    """Path and body. top_k is no part of the API; servers that know it (vLLM, SGLang) take it as it is."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "seed": seed % (1 << 31),
    }
    if sampling.top_p < 1:
        body["top_p"] = sampling.top_p
    if sampling.top_k:
        body["top_k"] = sampling.top_k
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if isinstance(prompt, str):
        return "completions", {**body, "prompt": prompt}
    return "chat/completions", {**body, "messages": [dict(message) for message in prompt]}


def _read(text: str, prompt: str | Sequence[Mapping[str, str]]) -> Answer:
    """The answer in a body.

    Raises:
        EndpointError: it is of another form.
    """
    try:
        found = json.loads(text)
        choice = found["choices"][0]
        written = choice["message"]["content"] if "message" in choice else choice["text"]
        finish = FinishReason.LENGTH if choice.get("finish_reason") == "length" else FinishReason.STOP
        usage = found.get("usage") or {}
        read, wrote = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        shown = " ".join(text.split())[:SHOWN]
        raise EndpointError(f"an answer is not of the OpenAI form ({type(error).__name__}): {shown}") from error
    if written is None:
        written = ""  # a reasoning model that reached its limit before it answered
    if not isinstance(written, str):
        raise EndpointError(f"an answer's content is {type(written).__name__}, expected text")
    asked = prompt if isinstance(prompt, str) else "".join(m.get("content", "") for m in prompt)
    return Answer(written, finish, _count(read, asked), _count(wrote, written))


def _count(told: Any, text: str) -> int:
    """Tokens as the server counts them, else about four characters each."""
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < 1 << 40 else len(text) // 4 + 1
