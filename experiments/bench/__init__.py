"""Measurements that the README and results quote; each module is a command, `python -m experiments.bench.NAME`."""
