"""Which site may send anything to the vault: the one that serves, by the witness.

A site that was given up may come back with its cron and its archive. What it would send is history that was undone,
under names that the site which serves now uses as well.
"""

from __future__ import annotations

from drbackup.errors import Cannot
from drbackup.settings import Settings


def refuse_unless_active(settings: Settings) -> None:
    """Do nothing in the site that serves, and where nobody has ever failed over.

    :raises Cannot: in the other one; or when the witness is there and cannot be read: that is no permission.
    """
    try:
        active = settings.witness.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise Cannot(f"which site serves cannot be read: {error}") from error
    if active != settings.site:
        raise Cannot(
            f"the site that serves is {active or 'unnamed'}, and this is site {settings.site}: nothing was done"
        )
