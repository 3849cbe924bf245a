"""A headless Chromium driven through its own protocol: load a page, press keys, run a line, take a picture.

Every request that the page makes is kept: a page of this project asks nobody but its own server.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(PROGRAM is None, reason="no chromium on this machine")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-allow-origins=*",
)
KEYS = {"Tab": 9, "Enter": 13, "ArrowDown": 40, "ArrowUp": 38, "ArrowRight": 39, "ArrowLeft": 37, " ": 32}


@contextmanager
def serving(app: object) -> Iterator[str]:
    """The address of an application while it is served on this machine."""
    import uvicorn

    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{place.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


class Browser:
    """A context manager; one tab.

    Attributes:
        requests: addresses that the page asked for.
        errors: what its scripts raised or complained of.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        from websockets.sync.client import connect  # comes with trl's dependencies

        self._log = (folder / "chromium.log").open("w")
        arguments = [
            PROGRAM,
            *FLAGS,
            "--remote-debugging-port=0",
            f"--user-data-dir={folder / 'profile'}",
            "about:blank",
        ]
        self._process = subprocess.Popen(arguments, stdout=self._log, stderr=self._log)
        port = self._wait_for(folder / "profile" / "DevToolsActivePort")
        self._number, self.requests, self.errors = 0, [], []
        self._socket = connect(f"ws://127.0.0.1:{port[0]}{port[1]}", max_size=1 << 28, open_timeout=60)
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")

    def _wait_for(self, path: Path) -> list[str]:
        for _ in range(600):
            if path.exists() and len(lines := path.read_text().split()) == 2:
                return lines
            time.sleep(0.1)
        raise TimeoutError("chromium did not say where it listens")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _ask(self, method: str, **params: object) -> dict:
        self._number += 1
        session = {"sessionId": self._session} if getattr(self, "_session", None) else {}
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params, **session}))
        while True:
            row = json.loads(self._socket.recv(timeout=120))
            self._note(row)
            if row.get("id") == self._number:
                if "error" in row:
                    raise RuntimeError(f"{method}: {row['error']}")
                return row["result"]

    def _note(self, row: dict) -> None:
        params = row.get("params", {})
        if row.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif row.get("method") == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        elif row.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])

    def look(self, width: int, height: int = 900, *, dark: bool = False, on_paper: bool = False) -> None:
        """The size of the window, light or dark, and whether it is looked at as it would be printed."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._ask("Emulation.setEmulatedMedia", media="print" if on_paper else "", features=scheme)

    def open(self, address: str, until: str = "true") -> None:
        """Loads a page and waits until an expression is true in it."""
        self._ask("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")
        self.wait(until)

    def wait(self, expression: str) -> None:
        """Waits until an expression is true."""
        for _ in range(300):
            if self.run(f"Boolean({expression})"):
                return
            time.sleep(0.1)
        raise TimeoutError(f"never true: {expression}; errors: {self.errors}")

    def run(self, expression: str) -> object:
        """The value of an expression in the page."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", expression))
        return found["result"].get("value")

    def press(self, *keys: str) -> None:
        """Keys by name (Tab, Enter, ArrowDown ...) or single characters, one after the other."""
        for key in keys:
            row = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else None)
            self._ask("Input.dispatchKeyEvent", type="keyDown", **row, **({"text": text} if text else {}))
            self._ask("Input.dispatchKeyEvent", type="keyUp", **row)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        found = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.run("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
