"""What the trl trainers are given and denied here.

trl's own preparation joins prompt and completion as text, encodes them and adds the end token to every completion. Here
the tokens are those that the policy sampled: a truncated completion stays without an end, and no token is split or
merged anew. Batches are cut from windows sorted by length, which halves the padding of mixed levels; gradient
checkpointing and bfloat16, which trl turns on by default, are off unless there is a GPU that needs them.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch
import transformers
from torch.utils.data import Sampler

from envs.splits import keyed_rng
from envs.types import Problem
from policies.heap import HEAVY, HeldHeap
from rl.preference.fit_checkpoints import FitCheckpoints
from rl.records.recorder import Recorder
from rl.types import Comparison, TokenPair
from rl.workers.conversations import encode_prompt

if TYPE_CHECKING:
    from policies.causal import CausalPolicy

WARMUP_STEPS = 5  # of a linear rise of the rate from 0
SAVE_STEPS = 200  # optimizer steps between checkpoints of a fit
WINDOW_BATCHES = 16  # batches sorted by length together


def token_pairs(comparison: Comparison, policy: CausalPolicy) -> tuple[TokenPair, TokenPair]:
    """(prompt tokens, completion tokens) of the chosen and of the rejected completion.

    Sampled tokens are used where they spell the recorded text under this policy's tokenizer; a text from elsewhere (a
    person, another tokenizer) is encoded and closed by the end token.
    """
    prompt = encode_prompt(policy, comparison.problem)
    sides = ((comparison.chosen, comparison.chosen_tokens), (comparison.rejected, comparison.rejected_tokens))
    chosen, rejected = (
        tokens if tokens is not None and policy.decode(tokens) == text else policy.encode_completion(text)
        for text, tokens in sides
    )
    return (prompt, chosen), (prompt, rejected)


class OfProblem(Protocol):
    """A comparison or a thumb."""

    @property
    def problem(self) -> Problem:
        """What was answered."""
        ...


Row = TypeVar("Row", bound=OfProblem)


def split_by_problem(rows: Sequence[Row], held_out: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Rows to train on, and those of a share of the problems kept apart: no problem is on both sides."""
    problems = sorted({row.problem.id for row in rows})
    keyed_rng("held-out comparisons", seed).shuffle(problems)
    kept = set(problems[: round(held_out * len(problems))])
    return [row for row in rows if row.problem.id not in kept], [row for row in rows if row.problem.id in kept]


class BucketedSampler(Sampler[int]):
    """Indices whose consecutive runs of `batch_size` have similar lengths; a fresh order each epoch, keyed by seed."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The next pass is that of this epoch: how a resumed trainer goes on with its own order."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rng = keyed_rng("bucketed epoch", self.seed, self.epoch)
        self.epoch += 1
        order = list(range(len(self.lengths)))
        rng.shuffle(order)
        batches = []
        window = self.batch_size * WINDOW_BATCHES
        for start in range(0, len(order), window):
            part = sorted(order[start : start + window], key=lambda i: self.lengths[i])
            batches += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
        ragged = [b for b in batches if len(b) < self.batch_size]  # at most one: only the last window is short
        full = [b for b in batches if len(b) == self.batch_size]
        rng.shuffle(full)
        for batch in [*full, *ragged]:
            yield from batch


def pretokenized(trainer_class: type) -> type:
    """A trl trainer that takes tokens as they are and draws batches of similar length.

    The dataset needs the columns that the trainer's collator reads, and `length`.
    """

    class PretokenizedTrainer(trainer_class):  # type: ignore[misc,valid-type]
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

        def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
            dataset = self.train_dataset if train_dataset is None else train_dataset
            return BucketedSampler(dataset["length"], self.args.per_device_train_batch_size, self.args.seed)

    PretokenizedTrainer.__name__ = trainer_class.__name__  # trl prints and saves the class's name
    return PretokenizedTrainer


def training_arguments(
    output_dir: Path | str,
    *,
    saves: bool,
    epochs: float,
    batch_size: int,
    lr: float,
    seed: int,
    autocast: str | None = None,
    max_steps: int = -1,
) -> dict[str, Any]:
    """Arguments that all trl configs share: no reporting, no progress bar, float32 on a CPU unless told otherwise.

    Args:
        output_dir: where checkpoints of the fit go.
        saves: also before a stop is asked for. Old ones are removed by whoever seals them, by their steps: trl would
            go by clocks.
        autocast: "bf16": arithmetic of the passes, on whatever device; None: on a GPU that has it, else float32.
    """
    has_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(output_dir),
        "num_train_epochs": epochs,
        "max_steps": max_steps,
        "per_device_train_batch_size": batch_size,
        "learning_rate": lr,
        "lr_scheduler_type": "cosine",
        "warmup_steps": WARMUP_STEPS,
        "seed": seed,
        "use_cpu": not has_gpu,
        "bf16": autocast == "bf16" or (has_gpu and torch.cuda.is_bf16_supported()),
        "activation_checkpointing": False,
        "save_strategy": "steps" if saves else "no",
        "save_steps": SAVE_STEPS,
        "save_total_limit": None,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 10,
        "max_length": None,
        "remove_unused_columns": False,
        "dataloader_pin_memory": has_gpu,
    }


def report_to(recorder: Recorder, stage: str, prefix: str, names: Sequence[str]) -> Any:
    """A trainer callback that passes the named logs to the recorder and honours its request to stop."""

    class Report(transformers.TrainerCallback):
        heap: HeldHeap | None = None  # of a heavy model on a CPU, as the learner's

        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            """Say where a fit ends before its rate has risen: trl's first step has a rate of 0."""
            if args.use_cpu and model is not None and sum(p.numel() for p in model.parameters()) > HEAVY:
                self.heap = HeldHeap()
            if state.max_steps <= WARMUP_STEPS:
                told = "nothing is" if state.max_steps == 1 else "little is"
                recorder.warn(
                    stage,
                    f"{state.max_steps} optimizer step(s) in all, and the rate rises from 0 over the first "
                    f"{WARMUP_STEPS}: {told} learned; give more comparisons (preference.num_pairs), more epochs, or a "
                    "smaller batch_size",
                )

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            """Record the logs asked for as `prefix/name`; the trainer's others go nowhere.

            Nor does the summary of a stopped fit: what it is a mean of, the fit that goes on will log.
            """
            if "train_loss" in (logs or {}) and state.global_step < state.max_steps:
                return
            values = {f"{prefix}/{name.split('/')[-1]}": float(logs[name]) for name in names if name in (logs or {})}
            if values:
                recorder.metrics(stage, state.global_step, values)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            """Show how far the fit is; a requested stop is obeyed with a checkpoint, unless this was the last step."""
            recorder.progress(stage, state.global_step, state.max_steps)
            if self.heap is not None:
                self.heap.settle()
            if recorder.stop_requested and state.global_step < state.max_steps:
                control.should_training_stop = control.should_save = True
            return control

    return Report()


def dataset_of(columns: Mapping[str, Sequence[Any]]) -> Any:
    """A data set for a trainer, each column a list."""
    import datasets  # half a second, and only where a fit begins

    return datasets.Dataset.from_dict(dict(columns))


@contextlib.contextmanager
def contained_trainer(seed: int, checkpoints: FitCheckpoints | None) -> Iterator[Path]:
    """Keeps what a trl trainer does to the process inside: it seeds every global random state.

    Args:
        checkpoints: None: what the trainer writes is temporary.
    Yields:
        the trainer's output folder.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global state is the point
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())), _output_folder(checkpoints) as folder:
            torch.manual_seed(seed)
            yield folder
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextlib.contextmanager
def _output_folder(checkpoints: FitCheckpoints | None) -> Iterator[Path]:
    if checkpoints is not None:
        yield checkpoints.folder
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Errors only, and no progress bars or notices of renamed settings through the live display."""
    logging = transformers.logging
    verbosity, shows_progress = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # between trl and transformers, which are pinned together: nothing that a user of ours could act on
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(verbosity)
        if shows_progress:
            logging.enable_progress_bar()


def train_quietly(trainer: Any, checkpoints: FitCheckpoints | None, begin_at: Path | None) -> tuple[int, bool]:
    """Runs the trainer without its printed logs; with checkpoints, they are sealed, and removed when all is done.

    Args:
        begin_at: the checkpoint to go on from.
    Returns:
        optimizer steps taken, those before included, and whether all of them are.
    """
    trainer.remove_callback(transformers.PrinterCallback)
    if checkpoints is not None:
        trainer.add_callback(checkpoints.sealing(trainer, begin_at))
    steps = int(trainer.train(resume_from_checkpoint=str(begin_at) if begin_at else None).global_step)
    finished = steps >= trainer.state.max_steps
    if finished and checkpoints is not None:
        checkpoints.remove()
    return steps, finished
