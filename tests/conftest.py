"""How the properties are tested, here and in CI alike."""

from __future__ import annotations

from hypothesis import settings


def pytest_configure() -> None:
    """Hypothesis has a profile of its own for CI, without surprises; and a deadline fails on a busy machine."""
    settings.register_profile("suite", deadline=None, max_examples=50)
    settings.load_profile("suite")
