"""A sale as the ledger sees it: one product, one piece, and an id of the suite's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_STRIDE = 7919


@dataclass(frozen=True, slots=True)
class Sale:
    """What is sold. ``value`` is how the ledger writes it, ``12x1``."""

    product_id: int
    quantity: int = 1

    @classmethod
    def number(cls, n: int, products: int) -> Sale:
        """The ``n``-th sale of a writer.

        They stride through the products 1 to ``products``, so that writers do not queue for the lock of one
        row, nor one product runs out of stock.
        """
        return cls(n * _STRIDE % products + 1)

    @property
    def value(self) -> str:
        """The sale in the ledger."""
        return f"{self.product_id}x{self.quantity}"

    def body(self, client_id: str) -> dict[str, Any]:
        """The sale as the dashboard's API takes it, and gives it back."""
        return {"client_id": client_id, "product_id": self.product_id, "quantity": self.quantity}

    def matches(self, client_id: str, answer: bytes) -> bool:
        """Whether the body of an answer is this sale."""
        try:
            found = json.loads(answer)
        except ValueError:
            return False
        return isinstance(found, dict) and self.body(client_id).items() <= found.items()
