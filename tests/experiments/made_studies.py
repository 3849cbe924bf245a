"""Folders of studies that nobody ran: evaluations drawn from given accuracies, in the files that readers read."""

import json
import random

from experiments.config.loading import load_experiment, to_yaml
from experiments.run.evaluations import BEST_BY_VERIFIER
from policies.types import Sampling
from rl.records.evaluate import Evaluation, ProblemRow

LEVELS, LONGER = (1, 2, 3), (4,)
PROBLEMS, SAMPLES = 40, 8
HUMAN = {1: 0.9, 2: 0.9, 3: 0.9, 4: 0.9}


def make_study(folder, accuracies, *, seeds=(0,), overrides=(), temperature=1.0, human=HUMAN, costs=None):
    """Writes a study of the smoke config whose policies have these accuracies {policy: {level: share}}.

    Args:
        costs: {arm: TrainingCost as a dictionary}.
    """
    experiment = load_experiment(
        ["smoke"], ["name=made", "evaluation.headline_level=null", f"seeds=[{','.join(map(str, seeds))}]", *overrides]
    )
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(experiment))
    levels = {"trained": list(LEVELS), "beyond": list(LONGER)}
    stages = [{"seed": s, "stage": name, "folder": "", "seconds": 1.0} for s in seeds for name in accuracies]
    study = {"name": "made", "state": "done", "seeds": list(seeds), "problems": {"test": "p"}, "stages": stages}
    (folder / "study.json").write_text(json.dumps({**study, "levels": levels}))
    provenance = {
        "commit": "0",
        "uncommitted": False,
        "python": "3",
        "packages": {},
        "command": [],
        "machine": {},
        "began": "2026-01-01T00:00:00+00:00",
    }
    (folder / "provenance.json").write_text(json.dumps(provenance))
    for seed in seeds:
        rng = random.Random(f"{seed} {sorted(accuracies)}")
        for name, by_level in accuracies.items():
            path = folder / f"seed-{seed}" / name
            path.mkdir(parents=True)
            row = evaluation(rng, by_level, temperature)
            write(path / "evals.jsonl", [{"policy": name, "split": "test", "step": None, "summary": {}, **row}])
            if costs and name in costs:
                (path / "training.json").write_text(json.dumps({"cost": costs[name], "seconds": 1.0}))
        lines = [demonstrator_line(rng, level, share) for level, share in human.items()]
        (folder / f"seed-{seed}" / "sft" / "demonstrator.json").write_text(json.dumps(lines))
    return folder


def add_proxy(folder, arm, seed, *, step, scores):
    """Notes of an arm with a reward model: its best policy's step, validation rows and proxy scores by step."""
    path = folder / f"seed-{seed}" / arm
    (path / BEST_BY_VERIFIER / "snapshot.json").write_text(json.dumps({"step": step, "gold": 0.5, "kl": 1.0}))
    write(path / "proxy.jsonl", [{"step": s, "scores": values} for s, values in scores.items()])
    rows = [{"level": 1 + i % 2, "c_solution": 1, "n": 4} for i in range(len(next(iter(scores.values()))))]
    summary = {"mean_solution": 0.25, "mean_answer": 0.25}
    write(
        path / "evals.jsonl",
        [{"split": "validation", "step": s, "rows": rows, "summary": summary} for s in scores],
    )


def write(path, rows):
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def evaluation(rng, by_level, temperature):
    rows = [
        ProblemRow(
            id=f"{level}-{i}",
            level=level,
            n=SAMPLES,
            c_answer=(count := sum(rng.random() < share for _ in range(SAMPLES))),
            c_solution=count,
            greedy_answer=(greedy := rng.random() < share),
            greedy_solution=greedy,
            mean_tokens=9.0,
        )
        for level, share in by_level.items()
        for i in range(PROBLEMS)
    ]
    return Evaluation(tuple(rows), "p", SAMPLES, Sampling(temperature=temperature)).to_json()


def demonstrator_line(rng, level, share):
    problems = [
        [f"{level}-{i}", SAMPLES, (c := sum(rng.random() < share for _ in range(SAMPLES))), c] for i in range(PROBLEMS)
    ]
    total = sum(row[3] for row in problems) / (SAMPLES * PROBLEMS)
    line = {"level": level, "is_covered": True, "num_solutions": SAMPLES * PROBLEMS, "accuracy": total}
    return {**line, "parts": {"solution": total}, "writer": None, "problems": problems}
