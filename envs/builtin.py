"""The table of built-in environments: name -> module that registers it. Modules load when a name is first used."""

BUILT_IN: dict[str, str] = {
    "leaps": "envs.leaps.environment",
    "jsonl": "envs.jsonl",
    "hf": "envs.jsonl",
    "gsm8k": "envs.gsm8k",
    "math": "envs.math_dataset",
}
