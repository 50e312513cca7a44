"""How what a fault leaves inside a container is told from what was there before: by its name."""

from __future__ import annotations

KEY_PREFIX = "dr-drill:fill:"
"""Every Redis key that a fault writes begins so."""

FILE_PREFIX = ".dr-drill-fill"
"""Every file that a fault writes begins so."""

TOXIC_PREFIX = "dr-drill-"
"""Every toxic that a fault adds begins so."""

SESSION_PREFIX = "dr-drill-fault"
"""The application name of every database session that a fault opens begins so."""
