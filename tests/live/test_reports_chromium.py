"""The report in a real browser: nothing wider than the page, light and dark, with scripts and without.

Needs Chromium (``apt-get install chromium``), and no Docker.
"""

from __future__ import annotations

import html as escaping
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reports import html
from tests.sample_record import sample
from tests.test_reports_pytest_page import run_pytest

WITHOUT_SCRIPTS, WITH_SCRIPTS = "allow-same-origin", "allow-same-origin allow-scripts"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Opens what is folded, then lists what sticks out of the page without a box that scrolls.
_MEASURE = """
<iframe id="frame" sandbox="{sandbox}" width="{width}" height="4000" src="{page}"></iframe>
<pre id="result"></pre>
<script>
frame.onload = () => {{
  const page = frame.contentDocument;
  page.querySelectorAll("details").forEach((each) => {{ each.open = true; }});
  const shown = (selector) => page.querySelector(selector)?.getBoundingClientRect().height > 0;
  const wide = [...page.querySelectorAll("body *")].filter((each) => {{
    const boxed = each.parentElement.closest(".scroll, pre");
    return !boxed && each.getBoundingClientRect().right > {width} + 0.5;
  }});
  result.textContent = JSON.stringify({{
    scroll: page.documentElement.scrollWidth,
    wide: wide.map((each) => each.tagName + "." + each.getAttribute("class")),
    table: shown("noscript table") ? "static" : shown("#results-table tbody") ? "drawn" : "none",
    ground: getComputedStyle(page.body).backgroundColor,
  }});
}};
</script>
"""


def _chromium(profile: Path, *arguments: str) -> str:
    assert CHROMIUM
    command = [CHROMIUM, *_QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def _measure(page: Path, folder: Path, width: int, sandbox: str, *arguments: str) -> dict[str, Any]:
    wrapper = folder / "wrapper.html"
    wrapper.write_text(_MEASURE.format(width=width, page=page.as_uri(), sandbox=sandbox), encoding="utf-8")
    dom = _chromium(folder / "profile", *arguments, "--dump-dom", wrapper.as_uri())
    found = re.search(r'<pre id="result">(.+?)</pre>', dom)
    assert found, "the page did not load"
    result: dict[str, Any] = json.loads(escaping.unescape(found.group(1)))
    return result


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    sample(folder)
    html.write(folder)
    return folder


@pytest.mark.parametrize(("scheme", "ground"), [("1", "rgb(255, 255, 255)"), ("0", "rgb(17, 20, 24)")])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out(run_dir: Path, tmp_path: Path, width: int, scheme: str, ground: str) -> None:
    setting = f"--blink-settings=preferredColorScheme={scheme}"
    result = _measure(run_dir / "report.html", tmp_path, width, WITHOUT_SCRIPTS, setting)
    assert result == {"scroll": width, "wide": [], "ground": ground, "table": "none"}


@pytest.mark.parametrize("sandbox", [WITHOUT_SCRIPTS, WITH_SCRIPTS])
def test_table_of_pytest_html_is_there_and_fits(tmp_path: Path, sandbox: str) -> None:
    page = run_pytest(tmp_path, "FINISH")
    result = _measure(page, tmp_path, 390, sandbox)
    assert result["scroll"] == 390
    assert result["wide"] == []
    assert result["table"] == ("static" if sandbox == WITHOUT_SCRIPTS else "drawn")


def test_prints(run_dir: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    uri = (run_dir / "report.html").as_uri()
    _chromium(tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={pdf}", uri)
    assert pdf.read_bytes().startswith(b"%PDF")
