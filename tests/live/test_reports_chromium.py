"""The report in a real browser: nothing wider than the page, no contrast lost, the same without scripts.

Needs Chromium (``apt-get install chromium``), and no Docker.
"""

from __future__ import annotations

import html as escaping
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reports import html
from tests.sample_record import sample

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
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Opens what is folded, then lists what sticks out of the page without a box that scrolls.
_MEASURE = """
<iframe id="frame" width="{width}" height="4000" srcdoc="{page}"></iframe>
<pre id="result"></pre>
<script>
frame.onload = () => {{
  const page = frame.contentDocument;
  page.querySelectorAll("details").forEach((each) => {{ each.open = true; }});
  const wide = [...page.querySelectorAll("body *")].filter((each) => {{
    const scrolls = each.closest(".scroll, pre");
    return (!scrolls || scrolls === each) && each.getBoundingClientRect().right > {width} + 0.5;
  }});
  result.textContent = JSON.stringify({{
    scroll: page.documentElement.scrollWidth,
    wide: wide.map((each) => each.tagName + "." + each.getAttribute("class")),
    ground: getComputedStyle(page.body).backgroundColor,
  }});
}};
</script>
"""


def _chromium(profile: Path, *arguments: str) -> str:
    assert CHROMIUM
    command = [CHROMIUM, *_QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    sample(folder)
    html.write(folder)
    return folder


@pytest.mark.parametrize(("scheme", "ground"), [("1", "rgb(255, 255, 255)"), ("0", "rgb(17, 20, 24)")])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out(run_dir: Path, tmp_path: Path, width: int, scheme: str, ground: str) -> None:
    page = escaping.escape((run_dir / "report.html").read_text(encoding="utf-8"))
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(_MEASURE.format(width=width, page=page), encoding="utf-8")
    dom = _chromium(
        tmp_path / "profile",
        f"--blink-settings=preferredColorScheme={scheme}",
        "--dump-dom",
        wrapper.as_uri(),
    )
    found = re.search(r'<pre id="result">(.+?)</pre>', dom)
    assert found, "the page did not load"
    result = json.loads(escaping.unescape(found.group(1)))
    assert result == {"scroll": width, "wide": [], "ground": ground}


def test_looks_the_same_without_scripts(run_dir: Path, tmp_path: Path) -> None:
    page = escaping.escape((run_dir / "report.html").read_text(encoding="utf-8"))
    pictures = []
    for name, sandbox in (("with", "allow-scripts"), ("without", "")):
        wrapper, picture = tmp_path / f"{name}.html", tmp_path / f"{name}.png"
        frame = f'<iframe sandbox="{sandbox}" width="1200" height="5800" srcdoc="{page}"></iframe>'
        wrapper.write_text(frame, encoding="utf-8")
        size = "--window-size=1280,6000"
        _chromium(tmp_path / name, size, f"--screenshot={picture}", wrapper.as_uri())
        pictures.append(picture.read_bytes())
    assert pictures[0] == pictures[1]


def test_prints(run_dir: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    uri = (run_dir / "report.html").as_uri()
    _chromium(tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={pdf}", uri)
    assert pdf.read_bytes().startswith(b"%PDF")
