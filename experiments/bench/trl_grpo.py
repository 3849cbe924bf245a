"""trl's GRPOTrainer in the settings that the benchmarks compare with: GRPO as `make("grpo")` computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

MICRO_ROWS = 32  # rows per forward and backward pass


def make_trainer(
    folder: str,
    output: str,
    rows: Sequence[Mapping[str, Any]],
    reward: Callable[..., list[float | None]],
    *,
    num_problems: int,
    group_size: int,
    max_new_tokens: int,
    max_steps: int,
    lr: float,
    seed: int,
    is_half: bool = False,
    callback: Any = None,
) -> Any:
    """A GRPOTrainer: one update per batch, group standard deviation, clip 0.2, no KL, constant learning rate.

    Args:
        folder: Hugging Face folder of the policy.
        rows: data set of prompts (and columns for `reward`), consumed in order, `num_problems` per step.
        reward: trl's reward function.
        is_half: trl's `bf16=True`.
    """
    rows_per_step = num_problems * group_size
    micro = min(MICRO_ROWS, rows_per_step)
    config = GRPOConfig(
        output_dir=output,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=rows_per_step // micro,
        num_generations=group_size,
        max_completion_length=max_new_tokens,
        max_steps=max_steps,
        learning_rate=lr,
        adam_beta2=0.95,
        lr_scheduler_type="constant",
        loss_type="grpo",
        beta=0.0,
        top_k=0,
        shuffle_dataset=False,
        use_cpu=True,
        bf16=is_half,
        gradient_checkpointing=False,
        disable_dropout=True,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_steps=1_000_000,
        seed=seed,
    )
    return GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        reward_funcs=reward,
        args=config,
        train_dataset=Dataset.from_list([dict(row) for row in rows]),
        processing_class=AutoTokenizer.from_pretrained(folder),
        callbacks=[callback] if callback else None,
    )
