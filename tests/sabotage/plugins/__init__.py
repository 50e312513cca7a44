"""Saboteurs that step into a running drill: pytest plugins on the hooks of ``fixtures/hooks.py``."""
