"""Products, sales and the summary, in SQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import psycopg

from app.database import Database

_SELL = """
WITH sold AS (
    INSERT INTO sales (client_id, product_id, quantity, unit_price_cents)
    SELECT %(client_id)s, id, %(quantity)s, price_cents FROM products WHERE id = %(product_id)s
    ON CONFLICT (client_id) DO NOTHING
    RETURNING client_id, product_id, quantity, unit_price_cents, sold_at
), moved AS (
    UPDATE products SET stock = stock - %(quantity)s
    WHERE id = %(product_id)s AND EXISTS (SELECT FROM sold)
    RETURNING stock
)
SELECT sold.*, moved.stock FROM sold, moved
"""
_SALE = "SELECT client_id, product_id, quantity, unit_price_cents, sold_at FROM sales WHERE client_id = %s"
_PRODUCT = "SELECT id, sku, name, price_cents, stock FROM products WHERE id = %s"
_PRODUCTS = "SELECT id, sku, name, price_cents, stock FROM products ORDER BY id LIMIT %s OFFSET %s"
_SUMMARY = """
WITH totals AS (
    SELECT count(*) AS sales_count, coalesce(sum(quantity * unit_price_cents), 0)::bigint AS revenue_cents
    FROM sales
), best AS (
    SELECT id, name, initial_stock - stock AS units FROM products ORDER BY initial_stock - stock DESC, id LIMIT 5
)
SELECT totals.*, (SELECT json_agg(best) FROM best) AS top_products FROM totals
"""


class Refused(Exception):
    """A sale that cannot be: certainly not done. ``status`` is the HTTP status that says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Shop:
    """What the dashboard does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sell(self, client_id: str, product_id: int, quantity: int) -> tuple[dict[str, Any], bool]:
        """Sell, once: the same ``client_id`` and content again is the same sale.

        :returns: the sale, committed, and whether it is new.
        :raises Refused: for a product that does not exist, a stock that is too small, a reused ``client_id``.
        """
        wanted = {"client_id": client_id, "product_id": product_id, "quantity": quantity}
        try:
            new = await self._database.fetch(_SELL, wanted)
        except psycopg.errors.CheckViolation as error:
            raise Refused(409, "not enough in stock") from error
        if new:
            return new[0], True
        kept = await self._database.fetch(_SALE, (client_id,))
        if not kept:
            raise Refused(404, "no such product")
        if wanted.items() <= kept[0].items():
            return kept[0], False
        raise Refused(409, "this client_id was used for another sale")

    async def sale(self, client_id: str) -> dict[str, Any] | None:
        """The sale with that id, if there is one."""
        return next(iter(await self._database.fetch(_SALE, (client_id,))), None)

    async def product(self, product_id: int) -> dict[str, Any] | None:
        """The product with that id, if there is one."""
        return next(iter(await self._database.fetch(_PRODUCT, (product_id,))), None)

    async def products(self, limit: int, offset: int) -> list[dict[str, Any]]:
        """Products by id."""
        return await self._database.fetch(_PRODUCTS, (limit, offset))

    async def summary(self) -> bytes:
        """Totals and best sellers as JSON, as of now."""
        row = (await self._database.fetch(_SUMMARY))[0]
        return json.dumps({**row, "generated_at": datetime.now(UTC).isoformat()}).encode()
