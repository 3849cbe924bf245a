"""The scripts of a report, and the policy by which a browser runs them and no other: they are named by their hashes."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent / "templates" / "report.js"
LIBRARY = Path(__file__).parent.parent / "view" / "static"  # of the plotting library


def page_scripts(has_charts: bool) -> dict[str, Any]:
    """What the template puts into the page: scripts, the style that they need, the colours' variables, the policy."""
    scripts = [(LIBRARY / "uplot.min.js").read_text(), SCRIPT.read_text()] if has_charts else []
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts] or ["'none'"]
    return {
        "scripts": scripts,
        "chart_style": (LIBRARY / "uplot.min.css").read_text() if has_charts else "",
        "policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {' '.join(hashes)}",
    }


def script_json(value: Any) -> str:
    """JSON that cannot end the script element that it stands in, whatever names and texts it holds."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
