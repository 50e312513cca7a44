"""Dump and restore of a database of 1 GB and more, against the DRP's own commands, in one run; medians.

``python -m benchmarks.restore [ROWS [ROUNDS]]``: about six minutes on two cores, and 4 GB under Docker's data root.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.backup_image import run_inside

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restore", description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=6_500_000)
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    wanted = parser.parse_args()
    sys.exit(run_inside(Path(__file__).with_name("measure.py"), str(wanted.rows), str(wanted.rounds)))
