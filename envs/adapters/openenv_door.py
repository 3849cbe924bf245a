"""Who is let in to the OpenEnv server, with how much, and what they are told when something is wrong.

A page of the web in somebody's browser may send requests to this machine; browsers name its origin, which must be the
server's own address. Bodies are read up to a bound. A mistake of a client is answered with a sentence, not a traceback.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

MAX_BODY_BYTES = 1 << 20  # as for a message of a websocket; the longest turn that is graded is a tenth of it
MISTAKES = (ValueError, LookupError, TypeError, OverflowError, RuntimeError)  # what a reset or step raises for them

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TooLarge(Exception):
    """A body is longer than MAX_BODY_BYTES."""


class Door:
    """Wraps an ASGI application."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = {name.lower(): value for name, value in scope["headers"]}
        if not _is_own(headers.get(b"origin"), headers.get(b"host")):
            return await _refuse(scope, send, 403, "requests of web pages from elsewhere are not answered")
        if scope["type"] == "websocket":
            return await self.app(scope, receive, send)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return await _refuse(scope, send, 413, f"a body may have {MAX_BODY_BYTES:,} bytes")
        has_begun = False

        async def watched(message: Message) -> None:
            """Notes that the answer has begun."""
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            return await self.app(scope, _bounded(receive), watched)
        except TooLarge:
            problem, status = f"a body may have {MAX_BODY_BYTES:,} bytes", 413
        except MISTAKES as error:
            problem, status = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", 400
        if not has_begun:
            await _refuse(scope, send, status, problem)
        return None


def _is_own(origin: bytes | None, host: bytes | None) -> bool:
    """Whether a request is of no page, or of a page of this server."""
    return origin is None or urlsplit(origin.decode("latin-1")).netloc == (host or b"").decode("latin-1")


def _bounded(receive: Receive) -> Receive:
    """`receive`, which raises TooLarge once more than MAX_BODY_BYTES have come: a body in chunks names no length."""
    total = 0

    async def counted() -> Message:
        """The next part of the body."""
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY_BYTES:
            raise TooLarge
        return message

    return counted


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    body = json.dumps({"detail": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
