"""A dashboard that, once it has lost Redis, never looks for it again."""

import asyncio
import sys

from app.__main__ import main
from app.cache import Cache


async def look_for_it(self):
    self._why_gone = "lost for good"
    await asyncio.Event().wait()


Cache._look_for_it = look_for_it
sys.exit(main())
