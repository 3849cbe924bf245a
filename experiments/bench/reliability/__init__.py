"""Studies attacked from outside: killed at chosen moments and resumed, and with every file damaged in nine ways.

    python -m experiments.bench.reliability                 both matrices (`make attack`), in results/reliability.json
    python -m experiments.bench.reliability --minutes 5     a piece of them; the next call goes on

What must hold: a resumed study is the undisturbed one, times apart; a damaged file changes no result without a word;
and whatever a verb finds, it ends in a sentence and an exit code, never in a traceback.
"""
