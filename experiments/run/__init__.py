"""Run folders, logs, heartbeat, Ctrl-C, the terminal."""
