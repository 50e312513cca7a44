"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plan.duration import format_duration, parse_duration

durations = st.timedeltas(min_value=timedelta(0))


@given(durations)
@example(timedelta(microseconds=1))
@example(timedelta.max)
def test_what_is_written_is_read_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(
    st.integers(1, 10**6),
    st.sampled_from(
        [("ms", 0.001), ("s", 1), ("second", 1), ("min", 60), ("minute", 60), ("h", 3600), ("hour", 3600)]
    ),
    st.sampled_from(["", " ", "  "]),
    st.booleans(),
)
def test_every_unit_with_or_without_space_and_plural(
    number: int, unit: tuple[str, float], space: str, plural: bool
) -> None:
    word, seconds = unit
    if plural and len(word) > 2:
        word += "s"
    assert parse_duration(f"{number}{space}{word}") == timedelta(seconds=number * seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15 min", 900),
        ("1 hour", 3600),
        ("2 hours", 7200),
        ("30 s", 30),
        ("30 Days", 30 * 86400),
        ("1.5 s", 1.5),
        ("immediate", 0),
        ("Immediate", 0),
    ],
)
def test_as_the_plan_has_them(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text", ["", "15", "min", "-1 min", "15 minuts", "1e3 s", "1 2 min", "1-2 hours", "٣ min", "nan s"]
)
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match='is not a duration such as "15 min"'):
        parse_duration(text)


def test_a_duration_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than any plan"):
        parse_duration("9" * 30 + " days")


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert duration >= timedelta(0)
