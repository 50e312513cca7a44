"""Both files, read once and counted; the line to blame when the history contradicts itself."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from measure.ledger_join import BUCKETS, Inconsistent, Spread, Tally, classify, spread
from measure.ledger_lines import Kind, history_line
from measure.ledger_scan import (
    CHUNK_SIZE,
    KIND_BITS,
    Chunk,
    Flags,
    MalformedAt,
    Records,
    Words,
    chunks,
    scan_history,
    scan_survivors,
)
from plan.errors import UserError

In = TypeVar("In")
Out = TypeVar("Out")

_REMEDY = (
    "`dr ledger check --help` says what these files must be; evidence is not mended by hand: repeat the drill"
)
_LARGE = 31 << 20


class LedgerError(UserError):
    """A history or survivors file that cannot be judged; the message names the file and the line."""


class Collision(Exception):
    """Two ids have the same hash: count again with another seed."""


def count(
    history: Path, survivors: Path, fault_at: float, *, seed: int, chunk_size: int = CHUNK_SIZE
) -> tuple[Tally, float]:
    """What was counted, and the time of the first invoke in seconds (infinity when there is none).

    :param fault_at: seconds.
    :param seed: of the hashes, 64 bits.
    :param chunk_size: bytes that are looked at in one go.
    :raises LedgerError: a file cannot be read, a line is malformed, or the history contradicts itself.
    :raises Collision: nothing could be said with this seed.
    """
    threads = min(4, os.cpu_count() or 1)
    _keep_freed_memory()
    with ThreadPoolExecutor(threads) as pool:  # numpy lets go of Python's lock
        spreads = [
            *_spreads(history, chunk_size, lambda chunk: scan_history(chunk, seed), pool, threads),
            *_spreads(survivors, chunk_size, lambda chunk: scan_survivors(chunk, seed), pool, threads),
        ]
        pending = [pool.submit(classify, spreads, bucket, fault_at) for bucket in range(BUCKETS)]
        tally = Tally()
        contradictions = []
        for future in pending:
            try:
                tally += future.result()
            except Inconsistent as error:
                contradictions.append(error)
    if contradictions:
        raise _blame(history, chunk_size, contradictions, seed)
    return tally, min((each.first_invoke for each in spreads), default=np.inf)


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed after a chunk for the next one: new pages take a quarter of the time.

    It keeps up to twice the size of the largest block of up to 32 MiB that was ever freed.
    """
    np.empty(_LARGE, np.uint8)


def _spreads(
    path: Path,
    chunk_size: int,
    scan: Callable[[Chunk], Records],
    pool: ThreadPoolExecutor,
    threads: int,
) -> Iterator[Spread]:
    line = 1
    try:
        for each in _in_order(
            pool, lambda chunk: spread(scan(chunk)), chunks(path, chunk_size), ahead=threads + 1
        ):
            line += each.line_count
            yield each
    except MalformedAt as error:
        raise LedgerError(f"{path}:{line + error.line}: {error.why}", _REMEDY) from error
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be read: {error.strerror}",
            "give the history, then the survivors, as files of JSON lines",
        ) from error


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[In], Out], items: Iterable[In], ahead: int
) -> Iterator[Out]:
    """As ``map``, with at most ``ahead`` items waiting: the files are larger than memory may be."""
    pending: deque[Future[Out]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _blame(history: Path, chunk_size: int, contradictions: list[Inconsistent], seed: int) -> LedgerError:
    """Read the history again for the first line that contradicts another.

    :raises Collision: ids that seemed to be one are two.
    """
    if not history.is_file():  # a pipe
        return LedgerError(f"{history}: ids that are invoked twice, or never and completed", _REMEDY)
    never_invoked = np.sort(np.concatenate([each.never_invoked for each in contradictions]))
    invoked_again = np.sort(np.concatenate([each.invoked_again for each in contradictions]))
    seen: dict[int, tuple[int, bytes]] = {}
    base = 1
    for chunk in chunks(history, chunk_size):
        records = scan_history(chunk, seed)
        ids = records.keys >> np.uint64(KIND_BITS)
        is_invoke = (records.keys & np.uint64((1 << KIND_BITS) - 1)) == Kind.INVOKE
        suspect = np.flatnonzero(_among(never_invoked, ids) | (is_invoke & _among(invoked_again, ids)))
        for index in suspect[np.argsort(records.lines[suspect])].tolist():
            number = base + int(records.lines[index])
            name = _id_of(chunk.text(number - base))
            if not is_invoke[index]:
                return LedgerError(
                    f"{history}:{number}: id '{_shown(name)}' is completed and never invoked", _REMEDY
                )
            number_before, name_before = seen.setdefault(int(ids[index]), (number, name))
            if name != name_before:
                raise Collision
            if number != number_before:
                what = f"id '{_shown(name)}' is invoked a second time, after line {number_before}"
                return LedgerError(f"{history}:{number}: {what}", _REMEDY)
        base += records.line_count
    return LedgerError(f"{history} changed while it was read", "check it when the workload has ended")


def _among(known: Words, ids: Words) -> Flags:
    """Which of ``ids`` are in ``known``, which is sorted."""
    if not len(known):
        return np.zeros(len(ids), np.bool_)
    place = np.searchsorted(known, ids)
    found: Flags = known[np.minimum(place, len(known) - 1)] == ids
    return found


def _id_of(text: bytes) -> bytes:
    line = history_line(text)
    return line.id if line else b""


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
