"""The DRP's ``gunzip -t`` loop over 30 dumps against ``drbackup verify``, by turns, in one run; medians.

``python -m benchmarks.backup_verify [ROWS [ROUNDS]]``: about four minutes on two cores, 1 GB under Docker's data root.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.backup_image import run_inside

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backup_verify", description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    wanted = parser.parse_args()
    sys.exit(run_inside(Path(__file__).with_name("measure.py"), str(wanted.rows), str(wanted.rounds)))
