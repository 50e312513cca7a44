"""A dashboard that sells nothing while Redis is gone, although a sale needs only the database."""

import sys

from app.__main__ import main
from app.cache import Cache, CacheUnusable
from app.shop import Shop
from fastapi import HTTPException

caches = []
init, sell = Cache.__init__, Shop.sell


def remembered(self, settings):
    init(self, settings)
    caches.append(self)


async def sell_with_redis(self, client_id, product_id, quantity):
    try:
        await caches[0].ping()
    except CacheUnusable as error:
        raise HTTPException(503, "no cache, no sale") from error
    return await sell(self, client_id, product_id, quantity)


Cache.__init__, Shop.sell = remembered, sell_with_redis
sys.exit(main())
