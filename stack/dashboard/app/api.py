"""The HTTP side: routes, the API key, and how each failure is answered."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError

from app.cache import Cache
from app.database import Database, Unavailable
from app.middleware import Observed
from app.settings import Settings
from app.shop import Refused, Shop


class NewSale(BaseModel):
    """A sale as a client asks for it; ``client_id`` makes it safe to ask again."""

    model_config = ConfigDict(extra="forbid")
    client_id: str = Field(min_length=1, max_length=64)
    product_id: int = Field(ge=1, le=2**31 - 1)
    quantity: int = Field(ge=1, le=1000)


def create_app(settings: Settings) -> FastAPI:
    """The application; nothing is connected before it starts."""
    database = Database(settings)
    cache = Cache(settings)
    shop = Shop(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await database.open()
        yield
        await database.close()
        await cache.close()

    def api_key(x_api_key: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(x_api_key.encode(), settings.api_key.encode()):
            raise HTTPException(401, "the X-API-Key header is missing or wrong")

    app = FastAPI(title="Dashboard", version="1.0.0", lifespan=lifespan)
    app.add_middleware(Observed)
    api = APIRouter(prefix="/api", dependencies=[Depends(api_key)])

    @app.exception_handler(Unavailable)
    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": f"database unavailable: {error}"}, 503, {"Retry-After": "1"})

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @api.get("/health")
    async def health() -> JSONResponse:
        found = await asyncio.gather(_state(database.ping), _state(cache.ping))
        states = dict(zip(("database", "redis"), found, strict=True))
        if not states["database"]["ok"]:
            return JSONResponse({"status": "down", "dependencies": states}, 503)
        status = "ok" if states["redis"]["ok"] else "degraded"
        return JSONResponse({"status": status, "dependencies": states})

    @api.get("/products")
    async def products(
        limit: Annotated[int, Query(ge=1, le=200)] = 50, offset: Annotated[int, Query(ge=0)] = 0
    ) -> list[dict[str, Any]]:
        return await shop.products(limit, offset)

    @api.get("/products/{product_id}")
    async def product(product_id: int) -> dict[str, Any]:
        found = await shop.product(product_id)
        if found is None:
            raise HTTPException(404, "no such product")
        return found

    @api.get("/summary")
    async def summary() -> Response:
        body, served = await cache.get("summary", shop.summary)
        return Response(body, media_type="application/json", headers={"X-Cache": served})

    @api.post("/sales", status_code=201)
    async def sell(sale: NewSale, response: Response) -> dict[str, Any]:
        sold, new = await shop.sell(sale.client_id, sale.product_id, sale.quantity)
        if not new:
            response.status_code = 200
        return sold

    @api.get("/sales/{client_id}")
    async def sale(client_id: str) -> dict[str, Any]:
        found = await shop.sale(client_id)
        if found is None:
            raise HTTPException(404, "no such sale")
        return found

    app.include_router(api)
    return app


async def _state(ask: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        await ask()
    except (Unavailable, RedisError) as error:
        return {"ok": False, "error": str(error) or type(error).__name__}
    return {"ok": True, "latency_ms": round((time.perf_counter() - started) * 1000, 2)}
