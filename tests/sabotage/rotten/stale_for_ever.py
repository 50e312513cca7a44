"""A dashboard whose summaries never expire."""

import sys

from app.__main__ import main
from app.cache import Cache

init = Cache.__init__


def without_expiry(self, settings):
    init(self, settings)
    self._ttl_s = 86400


Cache.__init__ = without_expiry
sys.exit(main())
