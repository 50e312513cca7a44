"""What is written for operators is there: commands, alerts, variables, files, and the names they are to look up."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from cli import stack as stack_commands
from cli.main import app
from recovery.catalog import ALL_NAMES

ROOT = Path(__file__).parent.parent
OPERATING = ROOT / "docs" / "operating.md"
STACK_README = ROOT / "stack" / "README.md"
RULES = ROOT / "stack" / "monitoring" / "rules.yml"
DOCUMENTS = (ROOT / "README.md", STACK_README, *sorted((ROOT / "docs").glob("*.md")))
_WRITTEN_TO_BE_TYPED = re.compile(r"`[^`\n]+`|^```.*?^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"\bdr ([a-z][a-z-]*) ([a-z][a-z-]*)")
_RUNBOOK = re.compile(r"\bdr runbook (?:show|run) ([a-z][a-z-]*)")


def documents() -> list[Any]:
    """Each document, for a test of its own."""
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in DOCUMENTS]


def advice() -> dict[str, str]:
    """What each alert says to do."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule["annotations"]["runbook"] for group in groups for rule in group["rules"]}


def commands() -> set[tuple[str, str]]:
    """Every ``dr GROUP COMMAND`` that there is."""
    groups = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group of groups
    return {(group, name) for group, commands in groups.items() for name in commands.commands}


def typed(path: Path) -> str:
    """What of a document is code."""
    return "\n".join(_WRITTEN_TO_BE_TYPED.findall(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", documents())
def test_every_command_that_is_written_is_there(path: Path) -> None:
    assert set(_COMMAND.findall(typed(path))) <= commands()
    assert set(_RUNBOOK.findall(typed(path))) <= set(ALL_NAMES)


def test_commands_are_found_where_they_are_written() -> None:
    assert ("runbook", "run") in _COMMAND.findall(typed(OPERATING))
    assert ("stack", "up") in _COMMAND.findall(typed(ROOT / "docs" / "two-sites.md"))


@pytest.mark.parametrize("path", documents())
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        file, _, heading = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def anchors(path: Path) -> set[str]:
    """The headings of a document as a link names them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [OPERATING, STACK_README], ids=["operating", "stack"])
def test_every_alert_is_explained(path: Path) -> None:
    rows = re.findall(r"^\|([^|]+)\|", path.read_text(encoding="utf-8"), re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"\w+", row)}
    assert set(advice()) <= explained


@pytest.mark.parametrize("alert", sorted(advice()))
def test_what_an_alert_says_to_do_can_be_done(alert: str) -> None:
    told = advice()[alert]
    assert set(_COMMAND.findall(told)) <= commands()
    assert set(_RUNBOOK.findall(told)) <= set(ALL_NAMES)
    # No container has its service's name alone.
    assert set(re.findall(r"docker (?:logs|restart|exec) (\w+)", told)) <= {"CONTAINER"}


def test_every_variable_of_the_stack_is_listed() -> None:
    used = set(re.findall(r"\$\{(DRILL_\w+)", (ROOT / "docker-compose.test.yml").read_text("utf-8")))
    listed = set(re.findall(r"`(DRILL_[A-Z_<>]+)`", STACK_README.read_text(encoding="utf-8")))
    patterns = [name.replace("<SERVICE>", "[A-Z_]+") for name in listed]
    assert {name for name in used if not any(re.fullmatch(each, name) for each in patterns)} == set()
    assert len(used) > 30


@dataclass
class Container:
    """What is asked of a container."""

    name: str
    status: str = "running"
    attrs: dict[str, Any] = field(default_factory=lambda: {"State": {"Health": {"Status": "healthy"}}})
    ports: dict[str, Any] = field(default_factory=dict)


@dataclass
class Site:
    """What is asked of a stack."""

    names: list[str]
    standby: Site | None = None
    drill_id: str = "d1"

    def containers(self) -> list[Container]:
        return [Container(name) for name in self.names]

    def service_of(self, container: Container) -> str:
        return container.name.split("-", 3)[-1].rpartition("-")[0]


def test_the_name_that_an_operator_is_told_to_look_up_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    long = "dr-d20261128t100106-b808-a-blackbox-exporter-1"
    both = Site(["dr-d1-a-postgres-1", "dr-d1-a-backup-1", long], Site(["dr-d1-b-vault-1"]))
    monkeypatch.setattr(stack_commands, "find", lambda which: both)
    stack_commands.status()
    lines = capsys.readouterr().out.splitlines()
    for name in ("dr-d1-a-backup-1", "dr-d1-a-postgres-1", long, "dr-d1-b-vault-1"):
        assert [line for line in lines if name in line.split() and "running" in line], name
