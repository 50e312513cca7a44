"""SVG elements as escaped markup. Colours come from the page's style sheet, by class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 760.0
"""Every chart's width, in its own units; text is 12 units high."""

LEFT, RIGHT = 62.0, 14.0
"""What a chart of time leaves free beside its axis."""

_CHARACTER = 6.6


@dataclass(frozen=True)
class Table:
    """The figures behind a chart."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """A chart as a page shows it. ``note`` says how it is to be read; it may be empty."""

    title: str
    svg: Markup
    table: Table
    note: str = ""


def element(tag: str, content: Iterable[Markup | str] = (), /, **attributes: object) -> Markup:
    """``<tag …>content</tag>``, with attributes and plain strings escaped.

    In names, ``_`` stands for ``-``, a last one is dropped. Attributes that are None are left out; numbers
    lose digits that nobody could see.
    """
    text = "".join(
        f' {_name(key)}="{escape(_value(value))}"' for key, value in attributes.items() if value is not None
    )
    inner = Markup("").join(content)
    return Markup(f"<{tag}{text}>{inner}</{tag}>" if inner else f"<{tag}{text}/>")


def document(key: str, title: str, description: str, height: float, content: Iterable[Markup]) -> Markup:
    """A whole ``<svg>`` with title and description.

    :param key: unique on the page; ids are made of it.
    """
    head = [
        element("title", [title], id=f"{key}-title"),
        element("desc", [description], id=f"{key}-desc"),
    ]
    return element(
        "svg",
        [*head, *content],
        class_="chart",
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def hatch(name: str, css_class: str) -> Markup:
    """A pattern of slanting lines, to be used as ``fill="url(#name)"``: told apart without colour."""
    line = element("path", d="M-1 7 L7 -1 M-1 1 L1 -1 M5 7 L7 5", class_=css_class)
    pattern = element("pattern", [line], id=name, width=6, height=6, patternUnits="userSpaceOnUse")
    return element("defs", [pattern])


def text_width(text: str) -> float:
    """About how wide ``text`` comes out; on the wide side."""
    return len(text) * _CHARACTER


def _name(key: str) -> str:
    return key.rstrip("_") if key.endswith("_") else key if key in _CAMEL else key.replace("_", "-")


def _value(value: object) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)


_CAMEL = frozenset({"viewBox", "patternUnits"})
