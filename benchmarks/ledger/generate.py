"""Write the files of a load of many operations, as ``json.dumps`` prints them."""

from __future__ import annotations

import random
import sys
from pathlib import Path

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
PATHS = ("api", "sql", "probe")
RATE = 2500  # operations a second
IN_FLIGHT = 8
LOST_FROM, FAULT_AT = 0.99, 0.991  # shares of the load


def generate(folder: Path, operations: int) -> float:
    """Write ``history.jsonl`` and ``survivors.jsonl`` of the same content each time.

    What is acknowledged in the last moments before the fault is lost.

    :returns: the time of the fault, in seconds.
    """
    draw = random.Random(operations)
    start = 1000.0
    waiting: list[str] = []
    with (folder / "history.jsonl").open("w") as history, (folder / "survivors.jsonl").open("w") as survivors:
        for n in range(operations):
            bits = draw.getrandbits(80)
            unique = "".join([PAIRS[(bits >> shift) & 1023] for shift in range(0, 80, 10)])
            name = f"{PATHS[n % 3]}-01JD{n // 32:06}{unique}"
            t = start + n / RATE + draw.random() / RATE
            value = f"{draw.randrange(5000) + 1}x{draw.randrange(5) + 1}"
            history.write(
                f'{{"n": {n}, "id": "{name}", "kind": "invoke", "t": {round(t, 6)}, "value": "{value}"}}\n'
            )
            acked_at = round(t + 0.003 + draw.random() / 500, 6)
            waiting.append(f'{{"n": {n}, "id": "{name}", "kind": "ok", "t": {acked_at}}}\n')
            if len(waiting) > IN_FLIGHT:
                history.write(waiting.pop(draw.randrange(IN_FLIGHT)))
            if not LOST_FROM <= n / operations < FAULT_AT:
                survivors.write(f'{{"id": "{name}", "value": "{value}"}}\n')
        history.writelines(waiting)
    return start + FAULT_AT * operations / RATE


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    print(f"fault at {generate(target, int(sys.argv[2]))} s")
