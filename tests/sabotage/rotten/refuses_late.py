"""A dashboard that says no only when nobody waits for its answer any more."""

import asyncio
import sys

from app.__main__ import main
from app.database import Unavailable
from app.shop import Shop

DELAY_S = 1.8
sell = Shop.sell


async def sell_or_wait(self, client_id, product_id, quantity):
    try:
        return await sell(self, client_id, product_id, quantity)
    except Unavailable:
        await asyncio.sleep(DELAY_S)
        raise


Shop.sell = sell_or_wait
sys.exit(main())
