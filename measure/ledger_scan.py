"""Files of millions of lines, read with numpy: each line becomes a key and a payload of 64 bits each.

The files are read in chunks of whole lines. In a chunk, all lines are walked through at the same time, from
left to right, along the shape in which ``json.dumps`` prints them by default::

    {"n": 17, "id": "01J…", "kind": "invoke", "t": 12.345678, "value": "…"}
    {"n": 17, "id": "01J…", "kind": "ok", "t": 12.349101}
    {"id": "01J…", "value": "…"}

A line is *usual* when it has each fixed text in its place, its numbers are plain decimals, and it has no
other *special* byte (quote, backslash, control, non-ASCII) than the quotes of the fixed texts: then its
strings are what stands between those. Any other line, odd or malformed, is left to
:mod:`measure.ledger_lines`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from measure.ledger_lines import Kind, Line, Malformed, history_line, survivors_line

Words = NDArray[np.uint64]
Doubles = NDArray[np.float64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

KIND_BITS = 3
"""The low bits of a key hold the line's kind, the others the hash of its id."""

CHUNK_SIZE = 4 << 20
"""Bytes: enough lines for numpy to be busy with, and still in the processor's cache."""

_U = np.uint64
_PAD = 256  # spare bytes before and after a chunk: a walk that has lost its way stays within them
_LONGEST_LINE = 16 << 20
_STRING_WORDS = 5  # looked at in one step of a string: most are shorter than 40 bytes
_STRING_STEPS = 125
_MOST_DIGITS = 19  # of an integer that surely fits in 64 bits
_POWERS = np.array([10**n for n in range(_MOST_DIGITS + 1)], _U)
_KEEP_FIRST = np.array([(1 << 8 * n) - 1 for n in range(9)], _U)  # of the 8 bytes of a word, the first n
_ALL = _U((1 << 64) - 1)
_NAMES = (b"invoke", b"ok", b"fail", b"info")  # by Kind
_NAME_LENGTHS = np.array([len(name) for name in _NAMES])
_NAME_WORDS = np.array([int.from_bytes(name, "little") for name in _NAMES], _U)
# No two names have the same third byte; that of "ok" is the quote after it.
_KIND_BY_THIRD = np.zeros(256, np.int64)
_KIND_BY_THIRD[[(name + b'"')[2] for name in _NAMES]] = range(len(_NAMES))


class Records(NamedTuple):
    """The lines of a chunk that are not blank.

    :param keys: hash of the id, with its low ``KIND_BITS`` replaced by the :class:`Kind`.
    :param payloads: invoke and row: hash of the value; ok: the bits of its time (a double, seconds).
    :param lines: which line of the chunk, from 0.
    :param line_count: lines in the chunk, blank ones too.
    :param first_invoke: the earliest time of an invoke, seconds; infinity when there is none.
    """

    keys: Words
    payloads: Words
    lines: Places
    line_count: int
    first_invoke: float


class MalformedAt(Exception):
    """A malformed line: ``line`` counts from 0 within the chunk."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(line, why)
        self.line = line
        self.why = why


class Chunk:
    """Whole lines of a file, from byte ``_PAD`` up to ``end`` of ``buffer``.

    Only the last may lack its newline. ``compact``: they seem to have no space after comma and colon.
    """

    def __init__(self, buffer: bytearray, end: int) -> None:
        self.cut_off = buffer[end - 1] != ord("\n")
        if self.cut_off:
            buffer[end] = ord("\n")
            end += 1
        self.buffer = buffer
        self.compact = not buffer.startswith((b'{"n": ', b'{"id": '), _PAD)
        self.bytes = np.frombuffer(buffer, np.uint8)
        self.body = self.bytes[_PAD:end]
        self.ends: Places = np.flatnonzero(self.body == ord("\n")) + _PAD
        self.starts: Places = np.concatenate(([_PAD], self.ends[:-1] + 1))

    def text(self, line: int) -> bytes:
        """A line of the chunk, from 0, without its newline."""
        return bytes(self.buffer[self.starts[line] : self.ends[line]])

    def words(self, at: Places, count: int) -> Words:
        """The 8 * ``count`` bytes from each place on, as little-endian words: the first words are row 0."""
        size = 8 * count
        # A view of the blocks that begin at each byte, overlapping. The size of what is taken costs nothing.
        blocks = np.ndarray((len(self.buffer) - size + 1,), f"V{size}", buffer=self.buffer, strides=(1,))
        return blocks[at].view("<u8").reshape(-1, count).T

    def only_quotes(self, quotes: Places) -> Flags:
        """Which lines have no more special bytes than this, given that they have so many quotes."""
        special = self.body.view(np.int8) < ord(" ")  # as signed bytes, non-ASCII is negative
        special |= self.body == ord('"')
        special |= self.body == ord("\\")
        if np.count_nonzero(special) == quotes.sum() + len(self.ends):
            return np.ones(len(self.ends), np.bool_)
        newlines = np.flatnonzero(self.body[special] == ord("\n"))
        only: Flags = np.diff(newlines, prepend=-1) == quotes + 1
        return only


class _Walk:
    """Places in a chunk, each on its way through its own line; ``fits`` until the line is not as expected."""

    def __init__(self, chunk: Chunk, at: Places, end: Places) -> None:
        self.chunk = chunk
        self.at = at.copy()
        self.end = end
        self.fits: Flags = np.ones(len(at), np.bool_)

    def text(self, text: bytes) -> None:
        """Past a fixed text, given with its spaces."""
        if self.chunk.compact:
            text = text.replace(b" ", b"")
        for number, word in enumerate(self.chunk.words(self.at, -(-len(text) // 8))):
            part = text[8 * number : 8 * number + 8]
            self.fits &= word & _KEEP_FIRST[len(part)] == _word(part)
        self.at += len(text)

    def line_end(self) -> None:
        """Past the closing brace and the line's own newline."""
        self.text(b"}\n")
        self.fits &= self.at == self.end + 1

    def kind(self) -> Places:
        """Past the name of a kind."""
        kind = _KIND_BY_THIRD[self.chunk.bytes[self.at + 2]]
        length = _NAME_LENGTHS[kind]
        (word,) = self.chunk.words(self.at, 1)
        self.fits &= word & _KEEP_FIRST[length] == _NAME_WORDS[kind]
        self.at += length
        return kind

    def string(self, seed: int) -> Words:
        """Past a string of up to 5000 bytes; its hash, which is the same in any chunk with the same seed."""
        hashes = np.full(len(self.at), seed, _U)
        length = np.zeros(len(self.at), np.int64)
        going: Places | slice = slice(None)  # lines whose string has not ended
        for _ in range(_STRING_STEPS):
            some_hashes, some_length = hashes[going], np.zeros(len(length[going]), np.uint8)
            is_open = np.ones(len(some_hashes), np.bool_)
            for word in self.chunk.words(self.at[going] + length[going], _STRING_WORDS):
                before = _before_zero(word ^ _word(b'"' * 8))
                some_hashes = np.where(is_open, _mixed(some_hashes ^ (word & before)), some_hashes)
                some_length += _byte_count(before) * is_open
                is_open &= before == _ALL
                if not is_open.any():
                    break
            hashes[going] = some_hashes
            length[going] += some_length
            further = np.flatnonzero(is_open & (self.at[going] + length[going] < self.end[going]))
            if not len(further):
                break
            going = further if isinstance(going, slice) else going[further]
        self.at += length
        np.minimum(self.at, self.end, out=self.at)
        return _mixed(hashes ^ length.view(_U))

    def integer(self) -> tuple[Words, Places]:
        """Past an integer of 1 to 19 digits; its value, and how many digits."""
        start = self.at.copy()
        value, count = self._digits()
        self.fits &= (count > 0) & (count <= _MOST_DIGITS)
        self.fits &= (count == 1) | (self.chunk.bytes[start] != ord("0"))
        return value, count

    def decimal(self) -> Doubles:
        """Past digits, perhaps with a fraction, of 1 to 19 digits together; the double nearest to it."""
        whole, whole_count = self.integer()
        dotted = self.chunk.bytes[self.at] == ord(".")
        self.at += dotted
        fraction, count = self._digits()
        self.fits &= (count > 0) == dotted
        self.fits &= whole_count + count <= _MOST_DIGITS
        power = _POWERS[np.minimum(count, _MOST_DIGITS)]
        return _quotients((whole * power + fraction) * self.fits, power.astype(np.float64))

    def _digits(self) -> tuple[Words, Places]:
        """Past the digits that come next, of which 24 at most are looked at; their value, and how many."""
        (word,) = self.chunk.words(self.at, 1)
        value, count = _leading_digits(word)
        for more in (8, 16):
            going = np.flatnonzero(count == more)
            if not len(going):
                break
            (word,) = self.chunk.words(self.at[going] + more, 1)
            low, low_count = _leading_digits(word)
            value[going] = value[going] * _POWERS[low_count] + low
            count[going] += low_count
        self.at += count
        return value, count


def chunks(path: Path, size: int = CHUNK_SIZE) -> Iterator[Chunk]:
    """The file, in order, in pieces of about ``size`` bytes; a line of more than 16 MiB is cut.

    :raises OSError: the file cannot be read.
    """
    rest = b""
    with path.open("rb", buffering=0) as file:
        while True:
            begin = _PAD + len(rest)
            buffer = bytearray(begin + size + _PAD)
            buffer[_PAD:begin] = rest
            got = file.readinto(memoryview(buffer)[begin : begin + size])
            if not got:
                break
            cut = buffer.rfind(b"\n", _PAD, begin + got) + 1 or _PAD
            rest = bytes(buffer[cut : begin + got])
            if cut > _PAD:
                yield Chunk(buffer, cut)
            if len(rest) > _LONGEST_LINE:
                yield _chunk_of(rest)
                rest = b""
    if rest:
        yield _chunk_of(rest)


def _chunk_of(text: bytes) -> Chunk:
    return Chunk(bytearray(_PAD) + text + bytearray(_PAD), _PAD + len(text))


def scan_history(chunk: Chunk, seed: int) -> Records:
    """The lines of a chunk of a history.

    :param seed: of the hashes, 64 bits.
    :raises MalformedAt: the first malformed line.
    """
    walk = _Walk(chunk, chunk.starts, chunk.ends)
    walk.text(b'{"n": ')
    walk.integer()
    walk.text(b', "id": "')
    ids = walk.string(seed)
    walk.text(b'", "kind": "')
    kind = walk.kind()
    walk.text(b'", "t": ')
    t = walk.decimal()
    payloads = t.view(_U).copy()
    invokes = np.flatnonzero(kind == Kind.INVOKE)
    tail = _Walk(chunk, walk.at[invokes], walk.end[invokes])
    tail.text(b', "value": "')
    payloads[invokes] = tail.string(seed)
    tail.text(b'"')
    walk.at[invokes] = tail.at
    walk.fits[invokes] &= tail.fits
    walk.line_end()
    usual = walk.fits & chunk.only_quotes(np.where(kind == Kind.INVOKE, 16, 12) * walk.fits)
    first_invoke = t[invokes].min(initial=np.inf, where=usual[invokes])
    found = Records(
        _keys(ids, kind.astype(_U)), payloads, np.arange(len(kind)), len(kind), float(first_invoke)
    )
    return _with_unusual(chunk, found, usual, seed, history_line)


def scan_survivors(chunk: Chunk, seed: int) -> Records:
    """The lines of a chunk of a survivors file.

    :param seed: of the hashes, 64 bits.
    :raises MalformedAt: the first malformed line.
    """
    walk = _Walk(chunk, chunk.starts, chunk.ends)
    walk.text(b'{"id": "')
    ids = walk.string(seed)
    walk.text(b'", "value": "')
    values = walk.string(seed)
    walk.text(b'"')
    walk.line_end()
    usual = walk.fits & chunk.only_quotes(8 * walk.fits)
    found = Records(_keys(ids, _U(Kind.ROW)), values, np.arange(len(ids)), len(ids), np.inf)
    return _with_unusual(chunk, found, usual, seed, survivors_line)


def _with_unusual(
    chunk: Chunk, found: Records, usual: Flags, seed: int, any_line: Callable[[bytes], Line | None]
) -> Records:
    """The records, with those that are not of usual lines replaced by what these lines say."""
    if usual.all():
        return found
    lines: list[int] = []
    read: list[Line] = []
    for number in np.flatnonzero(~usual).tolist():
        line = _read(chunk, number, any_line)
        if line is not None:
            lines.append(number)
            read.append(line)
    kind = np.array([line.kind for line in read], _U)
    t = np.array([line.t for line in read], np.float64)
    values = _hashes([line.value or b"" for line in read], seed)
    return Records(
        np.concatenate((found.keys[usual], _keys(_hashes([line.id for line in read], seed), kind))),
        np.concatenate((found.payloads[usual], np.where(kind == Kind.OK, t.view(_U), values))),
        np.concatenate((found.lines[usual], np.array(lines, np.int64))),
        found.line_count,
        min(found.first_invoke, float(t[kind == Kind.INVOKE].min(initial=np.inf))),
    )


def _read(chunk: Chunk, number: int, any_line: Callable[[bytes], Line | None]) -> Line | None:
    text = chunk.text(number)
    if len(text) > _LONGEST_LINE:
        raise MalformedAt(number, f"longer than {_LONGEST_LINE >> 20} MiB")
    try:
        return any_line(text)
    except Malformed as error:
        cut_off = chunk.cut_off and number == len(chunk.ends) - 1
        raise MalformedAt(
            number, f"{error}; the file ends in this line" if cut_off else str(error)
        ) from error


def _hashes(texts: list[bytes], seed: int) -> Words:
    """The hashes that :meth:`_Walk.string` would give, had it come by these strings."""
    # A quote would end the string; instead of it, a byte that is nowhere in UTF-8.
    quoted = [text.replace(b'"', b"\xfe") + b'"' for text in texts]
    ends = _PAD + np.cumsum([len(text) for text in quoted], dtype=np.int64)
    starts = np.concatenate(([_PAD], ends))[:-1]
    return _Walk(_chunk_of(b"".join(quoted)), starts, ends).string(seed)


def _keys(hashes: Words, kind: Words | np.uint64) -> Words:
    return hashes & ~_U((1 << KIND_BITS) - 1) | kind


def _mixed(word: Words) -> Words:
    """A bijection, that of splitmix64: each bit of a word reaches all bits. Changes ``word`` in place."""
    word ^= word >> _U(30)
    word *= _U(0xBF58476D1CE4E5B9)
    word ^= word >> _U(27)
    word *= _U(0x94D049BB133111EB)
    word ^= word >> _U(31)
    return word


def _leading_digits(word: Words) -> tuple[Words, Places]:
    """Of words of text: the value of the digits that they begin with, and how many these are."""
    digits = word ^ _word(b"0" * 8)
    # The sum gives a byte over 9 its high bit; one over 127 has it. A carry goes to the bytes behind.
    others = ((digits + _word(b"\x76" * 8)) | digits) & _word(b"\x80" * 8)
    count = _byte_count(_before_flag(others)).astype(np.int64)
    digits <<= (8 * (8 - count)).view(_U)  # zeros before them
    digits = (digits * _U(10) + (digits >> _U(8))) & _U(0x00FF00FF00FF00FF)  # pairs of digits,
    digits = (digits * _U(100) + (digits >> _U(16))) & _U(0x0000FFFF0000FFFF)  # then fours,
    digits = (digits * _U(10_000) + (digits >> _U(32))) & _U(0xFFFFFFFF)  # then all eight
    return digits, count


def _before_zero(word: Words) -> Words:
    """All bits of the bytes before a word's first zero byte; all bits of the word when it has none."""
    # A zero byte borrows from the bytes behind it only.
    return _before_flag((word - _word(b"\x01" * 8)) & ~word & _word(b"\x80" * 8))


def _before_flag(flags: Words) -> Words:
    """All bits of the bytes before a word's first byte whose high bit is set, when no other bits are."""
    below = (flags - _U(1)) & ~flags  # all bits below the first one; all, when there is none
    return (below.view(np.int64) >> 7).view(_U)  # of a word of ones, an arithmetic shift leaves all


def _byte_count(whole_bytes: Words) -> NDArray[np.uint8]:
    return (np.bitwise_count(whole_bytes) >> 3).astype(np.uint8, copy=False)


def _quotients(dividend: Words, power: Doubles) -> Doubles:
    """The doubles nearest to ``dividend / power``, of dividends below 10**19 and powers of ten up to 10**19.

    A division of doubles rounds correctly where both are exact, which a dividend above 2**53 need not be.
    There the remainder is divided too. It comes from the product of quotient and power, exact as a sum of
    two doubles (Dekker, "A floating-point technique for extending the available precision", 1971).
    """
    result = dividend.astype(np.float64) / power
    long = np.flatnonzero(dividend > _U(1 << 53))
    if len(long):
        dividend, power, quotient = dividend[long], power[long], result[long]
        high = dividend.astype(np.float64)
        low = (dividend - high.astype(_U)).view(np.int64).astype(np.float64)
        product = quotient * power
        q1, q2 = _halves(quotient)
        p1, p2 = _halves(power)
        error = ((q1 * p1 - product) + q1 * p2 + q2 * p1) + q2 * p2
        result[long] = quotient + (((high - product) - error) + low) / power
    return result


def _halves(number: Doubles) -> tuple[Doubles, Doubles]:
    """Two doubles of 26 significant bits whose sum is ``number``."""
    scaled = number * ((1 << 27) + 1)
    high = scaled - (scaled - number)
    return high, number - high


def _word(text: bytes) -> np.uint64:
    return _U(int.from_bytes(text, "little"))
