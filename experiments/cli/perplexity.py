"""`beyond perplexity`: what policies make of a text that nobody trained them on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from experiments.hypotheses.measuring import of_seeds
from experiments.run.errors import UserError
from experiments.run.folders import output_file, write_json
from policies.causal import load_policy
from policies.scoring.perplexity import WINDOW, TextScore, score_text


def perplexity(
    policies: Annotated[
        list[str],
        typer.Argument(help="Policy folders, arm folders, known models or hub ids; the first is compared to."),
    ],
    text: Annotated[Path, typer.Option("--text", "-t", help="A text file (UTF-8) that none of them was trained on.")],
    window: Annotated[int, typer.Option(min=2, help="Tokens that a policy sees at a time.")] = WINDOW,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1")] = "cpu",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file to write.")] = None,
) -> None:
    """Perplexity of a held-out text: what fine-tuning forgot of the language.

    Each policy is compared with the first, window by window: `beyond perplexity smollm2-135m-instruct
    runs/smollm/seed-0/sft runs/smollm/seed-0/rl --text README.md`.
    """
    output_file(output)
    try:
        content = text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{text} cannot be read as UTF-8 text: {error}") from error
    rows = []
    first: TextScore | None = None
    for name in policies:
        score = _score(name, content, window, device)
        first = first or score
        rows.append(_row(name, score, first))
    title = f"{text}: {sum(rows[0]['tokens']):,} tokens scored, windows of {window}"
    table = Table(title=title, caption="over the first: nats per token, with the 95 % interval over windows")
    for column in ("policy", "perplexity", "nats/token", "bits/byte", "over the first"):
        table.add_column(column, justify="left" if column == "policy" else "right", overflow="fold")
    for row in rows:
        numbers = (f"{row['perplexity']:,.2f}", f"{row['nats_per_token']:.3f}", f"{row['bits_per_byte']:.3f}")
        table.add_row(row["policy"], *numbers, _told(row["over_first"]))
    Console().print(table)
    if output is not None:
        write_json(output, {"text": text.name, "bytes": len(content.encode()), "window": window, "policies": rows})


def _score(name: str, content: str, window: int, device: str) -> TextScore:
    folder = Path(name)
    if (folder / "policy").is_dir():
        folder = folder / "policy"
    location = str(folder) if folder.exists() else name
    try:
        policy = load_policy(location, device=device)
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot load {name!r} as a Hugging Face causal LM: {' '.join(str(error).split())[:300]}"
        ) from error
    try:
        return score_text(policy, content, window=window)
    except ValueError as error:
        raise UserError(f"{name}: {error}") from error


def _row(name: str, score: TextScore, first: TextScore) -> dict[str, Any]:
    """A policy's numbers; its difference from the first where both cut the text alike."""
    over = None
    if score is not first and score.tokens == first.tokens:
        pairs = zip(score.nats, first.nats, score.tokens)
        mean = of_seeds([(mine - theirs) / tokens for mine, theirs, tokens in pairs])
        over = {"value": mean.value, "low": mean.low, "high": mean.high} if len(score.nats) > 1 else None
    return {
        "policy": name,
        "perplexity": score.perplexity,
        "nats_per_token": score.nats_per_token,
        "bits_per_byte": score.bits_per_byte,
        "tokens": list(score.tokens),
        "over_first": over,
    }


def _told(over: dict[str, float] | None) -> str:
    return "" if over is None else f"{over['value']:+.3f} [{over['low']:+.3f}, {over['high']:+.3f}]"
