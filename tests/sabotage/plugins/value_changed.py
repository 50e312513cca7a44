"""One acknowledged sale has another quantity after the recovery, its stock put right, so that no sum shows it."""

from __future__ import annotations

import psycopg

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "stopped":
        with psycopg.connect(drill.stack.dsn()) as connection:
            connection.execute(
                "WITH other AS (UPDATE sales SET quantity = quantity + 1 "
                "WHERE id = (SELECT max(id) FROM sales) RETURNING *) "
                "UPDATE products SET stock = stock - 1 FROM other WHERE products.id = other.product_id"
            )
