"""Every fault by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from chaos.bad_image import BadImage
from chaos.base import StackFault
from chaos.black_hole import BlackHole
from chaos.corrupt_data import CorruptData
from chaos.cut_connection import CutConnection
from chaos.delete_rows import DeleteRows
from chaos.exhaust_connections import ExhaustConnections
from chaos.fault import Fault
from chaos.fill_disk import FillDisk
from chaos.fill_memory import FillMemory
from chaos.kill_container import KillContainer
from chaos.kill_process import KillProcess
from chaos.latency import Latency
from chaos.lock_table import LockTable
from chaos.noop import Noop
from chaos.pause_container import PauseContainer
from chaos.site_lost import SiteLost
from chaos.stop_container import StopContainer
from chaos.stop_monitoring import StopMonitoring
from plan.errors import UserError
from stack.stack import Stack

_CATALOGUE: tuple[type[StackFault], ...] = (
    BadImage,
    BlackHole,
    CorruptData,
    CutConnection,
    DeleteRows,
    ExhaustConnections,
    FillDisk,
    FillMemory,
    KillContainer,
    KillProcess,
    Latency,
    LockTable,
    Noop,
    PauseContainer,
    SiteLost,
    StopContainer,
    StopMonitoring,
)


def catalogue() -> dict[str, type[StackFault]]:
    """Every fault's class by its name, in order."""
    return {fault.name: fault for fault in _CATALOGUE}


def find(name: str) -> type[StackFault]:
    """The class of the fault ``name``.

    :raises UserError: when there is none.
    """
    faults = catalogue()
    if name not in faults:
        raise UserError(f"there is no fault {name!r}", f"choose one of {', '.join(faults)}")
    return faults[name]


def from_journal(stack: Stack, data: Mapping[str, Any]) -> Fault:
    """The fault that ``to_journal`` described, ready to be healed in this process.

    :raises UserError: when this version has no such fault.
    """
    return find(str(data["name"])).from_journal(stack, data)


def build(stack: Stack, name: str, settings: Mapping[str, str]) -> Fault:
    """The fault ``name`` with ``settings`` as an operator typed them.

    :raises UserError: when a setting is unknown, missing or of the wrong type.
    """
    fault = find(name)
    known = fault.settings()
    hints = get_type_hints(fault)
    values: dict[str, Any] = {}
    for key, text in settings.items():
        if key not in known:
            raise UserError(f"the fault {name} has no setting {key!r}", f"it has {', '.join(known)}")
        try:
            values[key] = TypeAdapter(hints[key]).validate_python(text)
        except ValidationError as error:
            raise UserError(
                f"{key}={text}: {error.errors()[0]['msg']}", f"give {key} a value of another kind"
            ) from error
    try:
        return fault(stack, **values)
    except TypeError as error:
        raise UserError(f"the fault {name} needs a service", "name it with --service") from error
