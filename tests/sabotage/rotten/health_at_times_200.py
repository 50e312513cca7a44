"""A dashboard whose health check asks only two times in three."""

import itertools
import sys

import app.api
from app.__main__ import main

asked = itertools.count()
examine = app.api.examine


async def examine_or_not(database, cache):
    if next(asked) % 3 == 0:
        return 200, {"status": "ok", "dependencies": {}}
    return await examine(database, cache)


app.api.examine = examine_or_not
sys.exit(main())
