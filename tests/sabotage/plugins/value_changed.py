"""One acknowledged sale has another quantity after the recovery, its stock put right, so that no sum shows it."""

from __future__ import annotations

import psycopg

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "stopped":
        with psycopg.connect(drill.stack.dsn()) as connection:
            connection.execute(
                # Not the newest, which may be gone by then: somebody else may be at it too.
                "WITH other AS (UPDATE sales SET quantity = quantity + 1 "
                "WHERE id = (SELECT id FROM sales ORDER BY id DESC OFFSET 1 LIMIT 1) RETURNING *) "
                "UPDATE products SET stock = stock - 1 FROM other WHERE products.id = other.product_id"
            )
