"""A dashboard that answers without its cache, but so late that nobody waits for it."""

import asyncio
import sys

from app.__main__ import main
from app.summary import Summaries

DELAY_S = 1.3
get = Summaries.get


async def get_late(self):
    body, served = await get(self)
    if served == "bypass":
        await asyncio.sleep(DELAY_S)
    return body, served


Summaries.get = get_late
sys.exit(main())
