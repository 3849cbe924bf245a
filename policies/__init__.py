"""Messages -> completions; tokens -> log-probabilities. torch and transformers; imports none of our packages."""
