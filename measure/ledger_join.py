"""Records of both files brought together by id, and each id put into its class.

The records are spread over buckets by the top bits of their keys as they come, so that a bucket is small
enough to be sorted in a processor's cache, and several can be sorted at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from measure.ledger_lines import Kind
from measure.ledger_scan import KIND_BITS, Records, Words

_BUCKET_BITS = 8
BUCKETS = 1 << _BUCKET_BITS
_U = np.uint64


@dataclass(frozen=True)
class Spread:
    """The records of a chunk, by bucket: bucket ``b`` is from ``bounds[b]`` up to ``bounds[b + 1]``."""

    keys: Words
    payloads: Words
    bounds: list[int]
    line_count: int
    first_invoke: float


@dataclass(frozen=True)
class Tally:
    """Ids by class (see :mod:`measure.ledger`), and the times that the verdict needs, in seconds.

    :param acked_in_time: of the acknowledged, those acknowledged by the fault time.
    :param oldest_lost: the earliest acknowledgement of a lost write; infinity when none is lost.
    :param newest_survivor: the latest acknowledgement by the fault time of a survived write; else minus
        infinity.
    """

    attempted: int = 0
    acked: int = 0
    acked_in_time: int = 0
    survived: int = 0
    lost: int = 0
    lost_after_fault: int = 0
    recovered: int = 0
    unknown: int = 0
    phantom: int = 0
    duplicate: int = 0
    corrupt: int = 0
    oldest_lost: float = np.inf
    newest_survivor: float = -np.inf

    def __add__(self, other: Tally) -> Tally:
        counts = {
            field.name: getattr(self, field.name) + getattr(other, field.name)
            for field in fields(self)
            if field.type == "int"
        }
        return Tally(
            **counts,
            oldest_lost=min(self.oldest_lost, other.oldest_lost),
            newest_survivor=max(self.newest_survivor, other.newest_survivor),
        )


class Inconsistent(Exception):
    """Ids (as keys without their kind) that were completed but never invoked, or invoked more than once."""

    def __init__(self, never_invoked: Words, invoked_again: Words) -> None:
        super().__init__(len(never_invoked), len(invoked_again))
        self.never_invoked = never_invoked
        self.invoked_again = invoked_again


def spread(records: Records) -> Spread:
    """The records of a chunk, ordered by bucket."""
    bucket = (records.keys >> _U(64 - _BUCKET_BITS)).astype(np.uint8)
    order = np.argsort(bucket, kind="stable")  # a radix sort
    bounds = [0, *np.cumsum(np.bincount(bucket, minlength=BUCKETS)).tolist()]
    return Spread(
        records.keys[order], records.payloads[order], bounds, records.line_count, records.first_invoke
    )


def classify(spreads: Sequence[Spread], bucket: int, fault_at: float) -> Tally:
    """The ids of one bucket.

    :param fault_at: seconds.
    :raises Inconsistent: the history contradicts itself.
    """
    parts = [slice(each.bounds[bucket], each.bounds[bucket + 1]) for each in spreads]
    if all(part.start == part.stop for part in parts):
        return Tally()
    keys = np.concatenate([each.keys[part] for each, part in zip(spreads, parts, strict=True)])
    payloads = np.concatenate([each.payloads[part] for each, part in zip(spreads, parts, strict=True)])
    order = np.argsort(keys)
    keys, payloads = keys[order], payloads[order]

    # Now the lines of an id stand together, and in the order of their kinds: invoke, ok, fail, info, row.
    ids = keys >> _U(KIND_BITS)
    kind = (keys & _U((1 << KIND_BITS) - 1)).astype(np.uint8)
    is_first = np.concatenate(([True], ids[1:] != ids[:-1]))
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(keys)) - 1
    again = (kind[1:] == Kind.INVOKE) & ~is_first[1:] & (kind[:-1] == Kind.INVOKE)
    orphan = (kind[first] != Kind.INVOKE) & (kind[first] != Kind.ROW)
    if again.any() or orphan.any():
        raise Inconsistent(ids[first[orphan]], ids[1:][again])

    kinds = np.bitwise_or.reduceat(np.left_shift(1, kind, dtype=np.uint8), first)
    rows = np.add.reduceat(kind == Kind.ROW, first, dtype=np.int64)
    invoked, acked, failed, info = (
        kinds & (1 << each) != 0 for each in (Kind.INVOKE, Kind.OK, Kind.FAIL, Kind.INFO)
    )
    unknown = invoked & ~acked & (info | ~failed)
    once = rows == 1
    same = payloads[first] == payloads[last]
    survived = acked & once & same
    lost = acked & (rows == 0)
    acked_at = _first_acks(kind, payloads)
    in_time = acked_at <= fault_at
    lost_at = acked_at[lost[acked]]
    kept_at = acked_at[survived[acked] & in_time]

    def count(flags: NDArray[np.bool_]) -> int:
        return int(np.count_nonzero(flags))

    return Tally(
        attempted=count(invoked),
        acked=count(acked),
        acked_in_time=count(in_time),
        survived=count(survived),
        lost=count(lost),
        lost_after_fault=count(lost_at > fault_at),
        recovered=count(unknown & once & same),
        unknown=count(unknown & (rows == 0)),
        phantom=count(~acked & ~unknown & (rows > 0)),
        duplicate=count((acked | unknown) & (rows > 1)),
        corrupt=count((acked | unknown) & once & ~same),
        oldest_lost=float(lost_at.min(initial=np.inf)),
        newest_survivor=float(kept_at.max(initial=-np.inf)),
    )


def _first_acks(kind: NDArray[np.uint8], payloads: Words) -> NDArray[np.float64]:
    """The time of the first acknowledgement of each acknowledged id, in the order of the ids."""
    ok = np.flatnonzero(kind == Kind.OK)
    if not len(ok):
        return np.empty(0)
    first = np.flatnonzero(kind[ok - 1] != Kind.OK)  # before the first ok of an id stands its invoke
    return np.minimum.reduceat(payloads[ok].view(np.float64), first)
