"""How a command ends when it does not end well."""

from __future__ import annotations


class Bad(Exception):
    """Something was looked at and found bad: exit status 1."""


class Cannot(Exception):
    """The work could not be done at all: exit status 2."""
