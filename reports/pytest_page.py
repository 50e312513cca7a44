"""Puts pytest-html's finished page into ours, as the appendix.

pytest-html's own template has no ``lang`` and no viewport, begins with parts that stay empty without
JavaScript, and is at least 800 pixels wide. Our report is on its page through its summary hook, so that it is
never without; once the page is finished, :func:`finish` turns it around: our page, with its table at the end.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from reports import html as report
from reports.redact import Redactor

ENVIRONMENT = ("Python", "Platform", "Packages", "Plugins")
"""What of pytest-metadata's environment is kept: on CI it holds whatever the job's variables hold."""

_BEGIN, _END = "<!-- drill report begins -->", "<!-- drill report ends -->"
_TURNED = '<div class="pytest-html scroll">'
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL | re.IGNORECASE)
_BLOB = re.compile(r'data-jsonblob="([^"]*)"')
_LINK = re.compile(r'<a href="https?://[^"]*">(.*?)</a>', re.DOTALL)
_HEADING = re.compile(r"<(/?)h[12]\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Test:
    result: str
    name: str
    duration: str
    log: str


def summary(run_dir: Path, secrets: Sequence[str] = ()) -> str:
    """What goes into ``prefix`` of ``pytest_html_results_summary``: our report with its style sheet."""
    return f"{_BEGIN}<style>{report.css()}</style>{report.fragment(run_dir, secrets)}{_END}"


def finish(run_dir: Path, secrets: Sequence[str] = ()) -> Path:
    """Turn the page that pytest-html wrote to ``run_dir`` around, or write ours alone where there is none.

    Idempotent.

    :returns: the page's path.
    :raises OSError: when it cannot be written.
    """
    path = run_dir / report.NAME
    theirs = path.read_text(encoding="utf-8") if path.is_file() else ""
    if _TURNED in theirs:
        return path
    parts = _take_apart(theirs, secrets)
    text = report.page(run_dir, secrets, *parts or (None, ""))
    temporary = path.with_suffix(".html.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path


def _take_apart(page: str, secrets: Sequence[str]) -> tuple[Markup, str] | None:
    """The appendix and its style rules; None when this is no page of pytest-html's."""
    blob = _BLOB.search(page)
    body = _BODY.search(page)
    if blob is None or body is None:
        return None
    data = _presentable(json.loads(html.unescape(blob.group(1))), secrets)
    before, _, rest = body.group(1).partition(_BEGIN)
    content = before + rest.partition(_END)[2]
    content = _BLOB.sub(lambda _: f'data-jsonblob="{escape(json.dumps(data))}"', content)
    head, script, tail = content.partition("<footer>")
    # Ours is the one h1; theirs stand below the appendix's h2.
    head = _LINK.sub(r"\1", _HEADING.sub(r"<\1h3", head))
    css = "\n".join(_STYLE.findall(page.partition(_BEGIN)[0]))
    static = _static(_tests(data))
    return Markup(f"{static}{_TURNED}{head}{script}{tail}</div>"), css


def _presentable(data: dict[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    kept = {key: value for key, value in data.get("environment", {}).items() if key in ENVIRONMENT}
    clean: dict[str, Any] = Redactor(secrets).data({**data, "environment": kept})
    return clean


def _tests(data: Mapping[str, Any]) -> list[_Test]:
    tests = []
    for runs in data.get("tests", {}).values():
        for run in runs:
            cells = [_text(cell) for cell in run.get("resultsTableRow", [])]
            cells += [""] * (3 - len(cells))
            tests.append(_Test(cells[0], cells[1], cells[2], _text(run.get("log", ""))))
    return tests


def _static(tests: list[_Test]) -> Markup:
    rows = Markup("").join(
        Markup("<tr><td>{}</td><th scope='row'>{}{}</th><td>{}</td></tr>").format(
            test.result,
            test.name,
            Markup("<details><summary>Log</summary><pre>{}</pre></details>").format(test.log)
            if test.log.strip()
            else "",
            test.duration,
        )
        for test in tests
    )
    return Markup(
        "<noscript><p>pytest-html draws its table with a script; this is the same without one.</p>"
        "<div class='scroll' role='region' tabindex='0' aria-label='Tests'><table><thead><tr>"
        "<th scope='col'>Result</th><th scope='col'>Test</th><th scope='col'>Took</th></tr></thead>"
        "<tbody>{}</tbody></table></div></noscript>"
    ).format(rows)


class _TextOnly(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.text.append("\n")


def _text(markup: str) -> str:
    parser = _TextOnly()
    parser.feed(markup)
    parser.close()
    return "".join(parser.text)
