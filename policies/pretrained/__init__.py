"""Models that were not made here: known ones, fetched from the package index; GGUF files and LoRA adapters."""
