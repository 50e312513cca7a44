"""pytest-html's page turned around: our report first, its table as the appendix, with scripts and without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reports import pytest_page
from tests.page import Page
from tests.sample_record import KEY, SCRIPTS, sample

_PLUGINS = [
    "-p",
    "no:cacheprovider",
    "-p",
    "pytest_html.plugin",
    "-p",
    "pytest_html.fixtures",
    "-p",
    "pytest_metadata.plugin",
]

_CONFTEST = """
import os
from pathlib import Path
import pytest
from reports import pytest_page

RUN = Path(os.environ["RUN"])

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.htmlpath = str(RUN / "report.html")
    config.option.self_contained_html = True

def pytest_html_results_summary(prefix):
    prefix.append(pytest_page.summary(RUN, ["dev-api-key"]))

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish():
    result = yield
    if "FINISH" in os.environ:
        pytest_page.finish(RUN, ["dev-api-key"])
    return result
"""

_TESTS = """
import pytest

def test_passes():
    print("<script>alert(1)</script>")

def test_fails():
    key = "dev-api-key"
    assert key == "</pre><script>alert(2)</script>"

@pytest.mark.skip(reason="later")
def test_skipped():
    pass
"""


def run_pytest(folder: Path, *more: str) -> Path:
    """Runs pytest with pytest-html and our report; the names in ``more`` are set in its environment."""
    run_dir = folder / "run"
    run_dir.mkdir()
    sample(run_dir, SCRIPTS[:1])
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "test_it.py").write_text(_TESTS)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "RUN": str(run_dir),
        "BUILD_URL": "https://ci/?token=tell-nobody",
        **dict.fromkeys(more, "1"),
    }
    command = [sys.executable, "-m", "pytest", "-q", *_PLUGINS, str(folder)]
    subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    return run_dir / "report.html"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return run_pytest(tmp_path_factory.mktemp("pytest"), "FINISH").read_text(encoding="utf-8")


def test_is_our_page_with_their_table_at_its_end(source: str) -> None:
    page = Page(source.replace("<script>", "<!--").replace("</script>", "-->"))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    assert [head["id"] for head in page.all("h2")][-2:] == ["appendix", "pytest"]
    assert source.count("data-jsonblob") == 1
    assert source.index("<main") < source.index("data-jsonblob")
    assert not [link for link in page.all("a") if (link.get("href") or "").startswith("http")]


def test_table_is_there_without_scripts(source: str) -> None:
    static = source[source.index("<noscript>") : source.index("</noscript>")]
    page = Page(static)
    assert not page.broken
    assert not page.all("script")
    for told in (
        "test_it.py::test_passes",
        "Failed",
        "Skipped",
        "<script>alert(1)</script>",
        "AssertionError",
    ):
        assert told in page.text


def test_their_style_reaches_the_appendix_only(source: str) -> None:
    style = source[source.index("<style>") : source.index("</style>")]
    assert style.count("min-width: 800px") == 1
    assert style.index(".pytest-html {") < style.index("min-width: 800px")


def test_no_secret_of_the_tests_or_of_the_job_is_in_it(source: str) -> None:
    assert KEY not in source
    assert "tell-nobody" not in source


def test_is_complete_before_it_is_turned_and_turned_once(tmp_path: Path) -> None:
    path = run_pytest(tmp_path)
    theirs = path.read_text(encoding="utf-8")
    assert "Objectives against results" in theirs
    assert theirs.startswith("<!DOCTYPE html>\n<html>\n")
    assert pytest_page.finish(path.parent) == path
    turned = path.read_text(encoding="utf-8")
    assert turned != theirs
    pytest_page.finish(path.parent)
    assert path.read_text(encoding="utf-8") == turned
    assert sorted(file.name for file in path.parent.glob("*.tmp")) == []


def test_ours_alone_where_pytest_wrote_none(tmp_path: Path) -> None:
    sample(tmp_path, SCRIPTS[:1])
    text = pytest_page.finish(tmp_path).read_text(encoding="utf-8")
    assert "Objectives against results" in text
    assert "pytest-html</a>" not in text
