"""Faults: real processes are killed, frozen, cut off and lied to, and the runs must come through.

`make faults` does everything and prints what it saw; `test_short.py` does a handful in `make test`.
"""
