"""One acknowledged sale is gone after the recovery, its stock put right, so that no sum shows it."""

from __future__ import annotations

import psycopg

from fixtures.drill import Drill


def pytest_drill_phase(drill: Drill, phase: str) -> None:
    if phase == "stopped":
        with psycopg.connect(drill.stack.dsn()) as connection:
            connection.execute(
                "WITH gone AS (DELETE FROM sales WHERE id = (SELECT max(id) FROM sales) RETURNING *) "
                "UPDATE products SET stock = stock + gone.quantity FROM gone WHERE products.id = gone.product_id"
            )
