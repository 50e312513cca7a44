"""A dashboard that writes behind: it acknowledges a sale, answers for it from memory, and commits it later."""

import asyncio
import sys
from datetime import UTC, datetime

from app.__main__ import main
from app.shop import Shop

DELAY_S = 0.5
pending = {}
tasks = set()
sell, sale = Shop.sell, Shop.sale


async def commit(shop, client_id, product_id, quantity):
    await asyncio.sleep(DELAY_S)
    await sell(shop, client_id, product_id, quantity)
    pending.pop(client_id, None)


async def sell_behind(self, client_id, product_id, quantity):
    known = await self.sale(client_id)
    if known:
        return known, False
    row = {
        "client_id": client_id,
        "product_id": product_id,
        "quantity": quantity,
        "unit_price_cents": 1,
        "sold_at": datetime.now(UTC),
    }
    pending[client_id] = row
    task = asyncio.create_task(commit(self, client_id, product_id, quantity))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return row, True


async def sale_or_pending(self, client_id):
    return pending.get(client_id) or await sale(self, client_id)


Shop.sell, Shop.sale = sell_behind, sale_or_pending
sys.exit(main())
