"""One verifier a file: response + reference -> Verdict. `frame.py` is what they share."""
