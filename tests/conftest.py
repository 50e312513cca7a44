"""How the properties are tested, here and in CI alike."""

from __future__ import annotations

from hypothesis import settings


def pytest_configure() -> None:
    """Hypothesis' own profile for CI has no surprises; and on a machine with other things to do, time proves nothing."""
    settings.register_profile("suite", deadline=None)
    settings.load_profile("suite")
