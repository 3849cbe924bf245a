"""setup.cfg says everything but where the project is kept, which whoever publishes a package knows:

    PROJECT_URL=https://HOST/OWNER/NAME python -m build

Then the page of a package index has the project's addresses, and the links and pictures of README.md lead there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from setuptools import setup

RELATIVE_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")


def absolute(text: str, url: str) -> str:
    """Markdown whose relative links are under `url`: pictures as files, everything else as it is shown to readers."""
    return RELATIVE_LINK.sub(lambda m: f"{m[1]}[{m[2]}]({url}/{'raw' if m[1] else 'blob'}/main/{m[3]})", text)


def addresses() -> dict[str, Any]:
    """What setup.cfg does not know; nothing where no address is given."""
    url = os.environ.get("PROJECT_URL", "").rstrip("/")
    if not url:
        return {}
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    pages = {"Documentation": "docs/README.md", "Log": "LOG.md"}
    return {
        "long_description": absolute(readme, url),
        "url": url,
        "project_urls": {"Issues": f"{url}/issues"} | {name: f"{url}/blob/main/{page}" for name, page in pages.items()},
    }


if __name__ == "__main__":
    setup(**addresses())
