"""A dashboard that, once it has lost its database, never looks for it again."""

import sys

from app.__main__ import main
from app.database import Database

look, go_down = Database._look_at_it, Database._go_down
lost = []


def remember(self, error):
    if self._pool is not None:
        lost.append(error)
    go_down(self, error)


async def look_unless_lost(self):
    if not lost:
        await look(self)


Database._look_at_it, Database._go_down = look_unless_lost, remember
sys.exit(main())
