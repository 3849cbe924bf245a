"""Pages for this machine alone: loopback, a token in the address, nothing loaded from elsewhere.

Texts of completions, problems and names travel as JSON and are put on a page as text, never as markup; the content
policy allows scripts of this server alone, so that a text which gets through would still not run.
"""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from rl.rollouts.log import DamagedLogError

HOSTS = ("127.0.0.1", "localhost")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Guard(BaseHTTPMiddleware):
    """Answers those who name the token, under the address that was printed, and nobody else."""

    def __init__(self, app: Any, token: str, hosts: Sequence[str]) -> None:
        super().__init__(app)
        self.token, self.hosts = token, set(hosts)

    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuses other host names (a page elsewhere that resolves to this machine) and a missing token."""
        host = request.headers.get("host", "").rsplit(":", 1)[0]
        given = request.query_params.get("token") or request.cookies.get("beyond_view") or ""
        if host not in self.hosts:
            response: Response = PlainTextResponse("this page is served under 127.0.0.1 alone", 403)
        elif not hmac.compare_digest(given.encode(), self.token.encode()):
            response = PlainTextResponse("open the address that `beyond view` printed, with its token", 403)
        else:
            response = await call_next(request)
            if "token" in request.query_params:
                response.set_cookie("beyond_view", self.token, httponly=True, samesite="strict")
        response.headers.update(HEADERS)
        return response


def answering(method: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    """A route that answers with the method's value as JSON, beside the event loop; mistakes are told in a line."""

    async def route(request: Request) -> Response:
        """The value, or what is wrong."""
        try:
            return JSONResponse(await run_in_threadpool(method, request))
        except (ValueError, LookupError, DamagedLogError, FileNotFoundError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return route


def file(path: Path, media_type: str = "text/html") -> Callable[[Request], Awaitable[Response]]:
    """A route that answers with a file."""

    async def route(request: Request) -> Response:
        """The file."""
        return Response(path.read_bytes(), media_type=media_type)

    return route


def guarded(routes: Sequence[BaseRoute], token: str, *, static: Path) -> Starlette:
    """An application of these routes and the files of a folder under /static, behind the token."""
    app = Starlette(routes=[*routes, Mount("/static", StaticFiles(directory=static))])
    app.add_middleware(Guard, token=token, hosts=HOSTS)
    return app


def run_local(make_app: Callable[[str], Starlette], *, port: int, say: Callable[[str], None]) -> None:
    """Serves an application on 127.0.0.1 until Ctrl-C.

    Args:
        make_app: token -> application.
        port: 0: any free one.
        say: is told the address.
    Raises:
        OSError: the port is taken.
    """
    import uvicorn  # heavy, and only for serving

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        token = secrets.token_urlsafe(24)
        say(f"http://127.0.0.1:{listening.getsockname()[1]}/?token={token}\nCtrl-C ends it.")
        uvicorn.Server(uvicorn.Config(make_app(token), log_level="warning")).run(sockets=[listening])
