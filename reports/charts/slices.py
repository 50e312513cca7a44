"""Time cut into slices: what lies too close together to be seen apart is drawn once, its extremes kept."""

from __future__ import annotations

from collections.abc import Sequence


def runs(numbers: Sequence[int]) -> list[list[int]]:
    """Rising ``numbers`` as runs of neighbours: ``[1, 2, 5]`` gives ``[[1, 2], [5]]``."""
    found: list[list[int]] = []
    for n in numbers:
        if found and n == found[-1][-1] + 1:
            found[-1].append(n)
        else:
            found.append([n])
    return found
