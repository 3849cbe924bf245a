"""Whether recorded labels fit the models that learn from them: counted in the policy's own tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from experiments.arms import methods_of_study
from experiments.config.experiment import Experiment
from experiments.run.errors import UserError
from experiments.run.terminal import tell
from experiments.stages.preferences import read_recorded
from policies.causal import CausalPolicy
from rl.types import Comparison
from rl.workers.conversations import encode_prompt


def check_recorded(experiment: Experiment, reader: CausalPolicy, held_out: Collection[str]) -> None:
    """Counts prompt and completion of every recorded comparison that an arm learns from.

    Args:
        held_out: ids of problems of the test and of validation: labels of these are told, since they are trained on.
    Raises:
        UserError: one is longer than the model's context, or has tokens that the model does not know.
    """
    files = {
        method.preference.comparisons: f"arms.{name}.preference.comparisons"
        for name, method in methods_of_study(experiment).items()
        if method.arm.uses_comparisons and method.preference.comparisons is not None
    }
    for file, setting in files.items():
        where = "preference.comparisons" if file == experiment.preference.comparisons else setting
        rows = read_recorded(Path(file), where)
        _check_rows(rows, Path(file), where, reader)
        if known := sum(row.problem.id in held_out for row in rows):
            tell(
                f"warning: {where}: {known} of {len(rows):,} rows of {file} are about problems of the test or of "
                "validation: what is learned from them is then measured on them"
            )


def _check_rows(rows: Sequence[Comparison], path: Path, where: str, reader: CausalPolicy) -> None:
    long: list[tuple[int, str, int]] = []  # row, which side, tokens
    num_unknown = 0
    for number, row in enumerate(rows, 1):
        place = f"{where}: {path} row {number}"
        try:
            prompt = encode_prompt(reader, row.problem)
        except ValueError as error:
            raise UserError(f"{place}: {error}") from error
        sides = {side: _tokens(row, side, reader, place) for side in ("chosen", "rejected")}
        long += [(number, side, n) for side, found in sides.items() if (n := len(prompt) + len(found)) > _most(reader)]
        num_unknown += any(reader.tokenizer.unk_token_id in found for found in sides.values())
    if long:
        number, side, tokens = long[0]
        worst = max(long, key=lambda each: each[2])
        more = f"; {len({each[0] for each in long})} of {len(rows):,} rows are too long, up to {worst[2]:,} tokens"
        raise UserError(
            f"{where}: {path} row {number}: its prompt and what was {side} have {tokens:,} tokens, and the model's "
            f"context is {reader.context:,}{more if len(long) > 1 else ''}. Leave such rows out, or choose a model "
            "with a longer context"
        )
    if num_unknown:
        tell(
            f"warning: {where}: {num_unknown} of {len(rows):,} rows of {path} hold characters that the policy's "
            "vocabulary has not; it reads all of them as one and the same"
        )


def _most(reader: CausalPolicy) -> float:
    return float("inf") if reader.context is None else reader.context


def _tokens(row: Comparison, side: str, reader: CausalPolicy, place: str) -> tuple[int, ...]:
    """Those that were recorded, or those of the text.

    Raises:
        UserError: recorded ones are none of this model's vocabulary.
    """
    recorded: tuple[int, ...] | None = getattr(row, f"{side}_tokens")
    if recorded is None:
        return reader.encode_completion(getattr(row, side))
    size = len(reader.tokenizer)
    if not all(isinstance(token, int) and 0 <= token < size for token in recorded):
        raise UserError(
            f"{place}: {side}_tokens are of another model: its vocabulary has {size:,} tokens, 0 to {size - 1:,}; "
            "leave the tokens out, and the text is encoded"
        )
    return recorded
