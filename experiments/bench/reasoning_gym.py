"""Every data set of reasoning-gym through our adapter: does its gold count, and what do policies without skill earn?

    python -m experiments.bench.reasoning_gym --out results/reasoning_gym.json

Each data set runs in a process of its own with a time limit, since some generators take seconds per item. Those that
the adapter refuses are made all the same (accept_exploitable), so that the table shows why.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from envs.adapters import need
from envs.adapters.reasoning_gym import COMPARED_AS_TEXT, refusal_of
from experiments.run.folders import provenance, read_json, write_json

CHILD = """
import json, sys
from envs.check.conformance import check_environment
from envs.registry import make
env = make(f"rg:{sys.argv[1]}", accept_exploitable=True, ood_levels=[])
report = check_environment(env, num=int(sys.argv[2]), hostile=False, fresh_process=False)
print("\\n" + json.dumps(report.to_json()))
"""


def audit(dataset: str, num: int, seconds: float) -> dict[str, Any]:
    """One row: whether the adapter takes the data set, what the check says, and the best probe."""
    row: dict[str, Any] = {
        "refused": refusal_of(dataset),
        "compared_as_text": dataset in COMPARED_AS_TEXT,
    }
    command = [sys.executable, "-c", CHILD, dataset, str(num)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {**row, "status": f"not finished within {seconds:.0f} s"}
    if done.returncode:
        return {**row, "status": f"raised: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}"}
    report = json.loads(done.stdout.strip().splitlines()[-1])
    failed = [finding["check"] for finding in report["findings"] if not finding["is_ok"]]
    levels = report.get("probe_levels", {})
    if levels:
        worst = max(levels.values(), key=lambda level: level["rate"] - level["allowed"])
        row |= {key: worst[key] for key in ("probe", "rate", "allowed", "most_frequent_answer")}
    milliseconds = report.get("milliseconds")
    return {**row, "status": f"fails: {', '.join(failed)}" if failed else "ok", "milliseconds": milliseconds}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as Markdown, and how many there are of each kind."""
    lines = [
        "| data set | status | best probe | earns | most frequent answer | ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in sorted(rows.items()):
        rates = [f"{row[key]:.0%}" if key in row else "" for key in ("rate", "most_frequent_answer")]
        status = f"refused; {row['status']}" if row["refused"] else row["status"]
        time = "" if row.get("milliseconds") is None else f"{row['milliseconds']:.1f}"
        lines.append(f"| {name} | {status} | {row.get('probe', '')} | {rates[0]} | {rates[1]} | {time} |")
    kinds = Counter("refused" if row["refused"] else row["status"].partition(":")[0] for row in rows.values())
    return "\n".join([*lines, "", ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())])


def main() -> None:
    """Prints the table; writes the rows as JSON where asked, data set by data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", help="default: all")
    parser.add_argument("--num", type=int, default=24, help="items per level and split")
    parser.add_argument("--seconds", type=float, default=60, help="time limit per data set")
    parser.add_argument("--out", type=Path, help="JSON file; rows of other data sets in it are kept")
    options = parser.parse_args()
    names = options.datasets or sorted(need("reasoning_gym.factory", extra="envs").DATASETS)
    document = read_json(options.out) if options.out and options.out.exists() else {"datasets": {}}
    for name in names:
        document["datasets"][name] = audit(name, options.num, options.seconds)
        print(name, document["datasets"][name]["status"], flush=True)
        if options.out:
            document["provenance"] = provenance(["python", "-m", "experiments.bench.reasoning_gym", *sys.argv[1:]])
            document["options"] = {"num": options.num, "seconds": options.seconds}
            write_json(options.out, document)
    print(table({name: document["datasets"][name] for name in names}))


if __name__ == "__main__":
    main()
