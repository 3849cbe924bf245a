"""What a check of an environment found, for a person and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that was checked. `fix` says what to do when it is not ok."""

    check: str
    is_ok: bool
    detail: str
    fix: str = ""


@dataclass
class EnvReport:
    """What `check_environment` found.

    Attributes:
        env: the environment's name.
        findings: one per check, in order.
        numbers: measurements, e.g. milliseconds per problem and what each probe earns.
    """

    env: str
    findings: list[Finding] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """True when every check passed."""
        return all(finding.is_ok for finding in self.findings)

    @property
    def problems(self) -> list[Finding]:
        """The checks that failed."""
        return [finding for finding in self.findings if not finding.is_ok]

    def text(self) -> str:
        """The report for a person: what is wrong first, each with its remedy."""
        lines = [f"{self.env}: {'passes' if self.is_ok else 'FAILS'} ({len(self.findings)} checks)"]
        for finding in sorted(self.findings, key=lambda f: f.is_ok):
            lines.append(f"  {'ok  ' if finding.is_ok else 'FAIL'} {finding.check}: {finding.detail}")
            if not finding.is_ok and finding.fix:
                lines.append(f"       to fix it: {finding.fix}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return {"env": self.env, "is_ok": self.is_ok, "findings": [asdict(f) for f in self.findings], **self.numbers}
