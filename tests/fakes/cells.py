"""Cells that a person runs in a browser, wherever the kernel is."""

from __future__ import annotations

__all__ = ["FAILS", "TRAINS"]

TRAINS = """\
%framework=pytorch
%worker=3

import os, time

rank = int(os.environ["RANK"])
print(f"worker {rank} is ready")
while not os.path.exists("GATE"):  # an epoch takes as long as the test wants
    time.sleep(0.02)
for epoch in range(1, 6):
    print(f"epoch {epoch}  loss {1 / (epoch + rank):.3f}")
"""
"""Ready at once; then GATE, the path of a file, opens the way to the epochs."""

FAILS = """\
%framework=pytorch
%worker=2

import os, time

def divide(a, b):
    return a / b

if os.environ["RANK"] == "1":
    divide(1, 0)
time.sleep(600)
"""
"""One replica fails in a function, at lines 10 and 7 of the cell, and the other would go on."""
