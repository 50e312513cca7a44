"""What comes in, and within which bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ClientId = Annotated[
    str, Field(pattern=r"^[!-~]{1,64}$", description="the client's own id of a sale, printable ASCII")
]
ProductId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class NewSale(BaseModel):
    """A sale as a client asks for it; ``client_id`` makes it safe to ask again."""

    model_config = ConfigDict(extra="forbid")
    client_id: ClientId
    product_id: ProductId
    quantity: int = Field(ge=1, le=1000)
