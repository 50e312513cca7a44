"""The HTTP side: routes, the API key, and how each failure is answered."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Path, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.cache import Cache
from app.database import Database, Unavailable
from app.health import examine
from app.middleware import ERROR_KIND, Observed
from app.models import ClientId, NewSale, ProductId
from app.settings import Settings
from app.shop import Refused, Shop
from app.summary import Summaries


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

    app = FastAPI(title="Dashboard", lifespan=lifespan, openapi_url=None)
    app.add_middleware(Observed)
    app.include_router(_routes(settings.api_key, shop, Summaries(shop, cache), database, cache))

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(Unavailable)
    async def unavailable(request: Request, error: Unavailable) -> Response:
        request.scope[ERROR_KIND] = error.kind
        return _json({"detail": f"database unavailable: {error.kind}"}, 503, {"Retry-After": "1"})

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return _json({"detail": str(error)}, error.status)

    return app


def _routes(api_key: str, shop: Shop, summaries: Summaries, database: Database, cache: Cache) -> APIRouter:
    wanted_key = api_key.encode()

    # A coroutine, for all that it awaits nothing: a plain function would be sent to a thread each time.
    async def needs_key(x_api_key: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(x_api_key.encode(), wanted_key):
            raise HTTPException(401, "the X-API-Key header is missing or wrong")

    routes = APIRouter(prefix="/api", dependencies=[Depends(needs_key)])

    @routes.get("/health")
    async def health() -> Response:
        status, body = await examine(database, cache)
        return _json(body, status)

    @routes.get("/products")
    async def products(
        limit: Annotated[int, Query(ge=1, le=200)] = 50, offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
    ) -> Response:
        return _json(await shop.products(limit, offset))

    @routes.get("/products/{product_id}")
    async def product(product_id: Annotated[ProductId, Path()]) -> Response:
        return _json(_found(await shop.product(product_id), "no such product"))

    @routes.get("/summary")
    async def summary() -> Response:
        body, served = await summaries.get()
        return Response(body, media_type="application/json", headers={"X-Cache": served})

    @routes.post("/sales")
    async def sell(sale: NewSale) -> Response:
        sold, new = await shop.sell(sale.client_id, sale.product_id, sale.quantity)
        return _json(sold, 201 if new else 200)

    @routes.get("/sales/{client_id}")
    async def sale(client_id: Annotated[ClientId, Path()]) -> Response:
        return _json(_found(await shop.sale(client_id), "no such sale"))

    return routes


def _found(row: dict[str, Any] | None, otherwise: str) -> dict[str, Any]:
    if row is None:
        raise HTTPException(404, otherwise)
    return row


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")
