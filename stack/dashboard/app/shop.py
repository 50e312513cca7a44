"""Products, sales and the summary, in SQL."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import psycopg

from app.database import Database, Row

# One statement, so one transaction without a round trip to begin or to commit it. A client_id that is there
# already inserts nothing and moves nothing; a stock that would fall below zero breaks the table's CHECK and
# undoes both.
_SELL = """
WITH sold AS (
    INSERT INTO sales (client_id, product_id, quantity, unit_price_cents)
    SELECT %(client_id)s, id, %(quantity)s, price_cents FROM products WHERE id = %(product_id)s
    ON CONFLICT (client_id) DO NOTHING
    RETURNING client_id, product_id, quantity, unit_price_cents, sold_at
), moved AS (
    UPDATE products SET stock = stock - sold.quantity FROM sold WHERE id = sold.product_id
)
SELECT * FROM sold
"""
_SALE = "SELECT client_id, product_id, quantity, unit_price_cents, sold_at FROM sales WHERE client_id = %s"
_PRODUCT = "SELECT id, sku, name, price_cents, stock FROM products WHERE id = %s"
_PRODUCTS = "SELECT id, sku, name, price_cents, stock FROM products ORDER BY id LIMIT %s OFFSET %s"
# What a product has sold is what its stock lacks: the best sellers cost a look at the products alone.
_SUMMARY = """
SELECT count(*) AS sales_count, coalesce(sum(quantity * unit_price_cents), 0)::bigint AS revenue_cents,
    (SELECT count(*) FROM products) AS product_count,
    (SELECT json_agg(best) FROM (
        SELECT id, sku, name, initial_stock - stock AS units_sold
        FROM products ORDER BY initial_stock - stock DESC, id LIMIT 5
    ) AS best) AS top_products
FROM sales
"""


class Refused(Exception):
    """A sale that cannot be: certainly not done.

    :param status: the HTTP status that says why.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Shop:
    """What the dashboard does. Each method may raise :class:`app.database.Unavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sell(self, client_id: str, product_id: int, quantity: int) -> tuple[Row, bool]:
        """Sell, once: the same ``client_id`` and content again is the same sale.

        :returns: the sale, committed, and whether it is new.
        :raises Refused: for a product that does not exist, a stock that is too small, a reused ``client_id``.
        """
        wanted = {"client_id": client_id, "product_id": product_id, "quantity": quantity}
        try:
            new = await self._database.fetch(_SELL, wanted)
        except psycopg.errors.CheckViolation as error:
            if error.diag.constraint_name != "products_stock_check":
                raise
            raise Refused(409, "not enough in stock") from error
        if new:
            return new[0], True
        kept = await self.sale(client_id)
        if kept is None:
            raise Refused(404, "no such product")
        if wanted.items() <= kept.items():
            return kept, False
        raise Refused(409, "this client_id was used for another sale")

    async def sale(self, client_id: str) -> Row | None:
        """The sale with that id, if there is one."""
        return next(iter(await self._database.fetch(_SALE, (client_id,))), None)

    async def product(self, product_id: int) -> Row | None:
        """The product with that id, if there is one."""
        return next(iter(await self._database.fetch(_PRODUCT, (product_id,))), None)

    async def products(self, limit: int, offset: int) -> list[Row]:
        """Products by id."""
        return await self._database.fetch(_PRODUCTS, (limit, offset))

    async def summary(self) -> bytes:
        """Totals and best sellers as JSON; ``generated_at`` is taken just before the database is asked."""
        generated_at = datetime.now(UTC)
        row = (await self._database.fetch(_SUMMARY))[0]
        return orjson.dumps({**row, "generated_at": generated_at})
