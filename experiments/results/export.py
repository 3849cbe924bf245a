"""`beyond export`: a trained policy as a Hugging Face folder with a model card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from experiments.run.errors import UserError
from experiments.run.evaluations import read_evaluation
from experiments.run.manifest import verify_model
from experiments.run.sealed import read_sealed


def export_policy(run_folder: Path, to: Path) -> Path:
    """Copies run_folder/policy (or run_folder itself) to `to`, with README.md saying what it is and what it can do.

    Raises:
        UserError: no policy there, or `to` is in use.
    """
    source = run_folder / "policy" if (run_folder / "policy").is_dir() else run_folder
    if not (source / "config.json").is_file():
        raise UserError(
            f"{run_folder} holds no trained policy (policy/config.json); give a run folder such as runs/demo/seed-0/rl"
        )
    verify_model(source.resolve())
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to} exists already and is {'not empty' if to.is_dir() else 'a file'}: choose another folder")
    shutil.copytree(source, to, dirs_exist_ok=True)
    (to / "README.md").write_text(_model_card(run_folder))
    return to


def _model_card(run_folder: Path) -> str:
    lines = ["---", "library_name: transformers", "tags: [math, reinforcement-learning]", "---", ""]
    lines += [f"# {run_folder.parent.parent.name}: {run_folder.name}", ""]
    lines += ["Loads with `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained`.", ""]
    provenance = run_folder.parent.parent / "provenance.json"
    if provenance.exists():
        origin = read_sealed(provenance, "commit", "began")
        lines += [f"Trained at commit `{origin['commit']}`, {origin['began']}.", ""]
    if (run_folder / "evals.jsonl").exists():
        evaluation = read_evaluation(run_folder)
        lines += ["| level | problems | solution | greedy | answer |", "|---|---|---|---|---|"]
        for level, row in evaluation["levels"].items():
            figures = (row["mean_solution"], row["greedy_solution"], row["mean_answer"])
            lines.append(f"| {level} | {row['num_problems']:.0f} | " + " | ".join(f"{f:.3f}" for f in figures) + " |")
        lines += ["", f"Sampling: `{json.dumps(evaluation['sampling'])}`, {evaluation['num_samples']} per problem."]
    return "\n".join(lines) + "\n"
