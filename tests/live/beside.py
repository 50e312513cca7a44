"""What goes on beside a test, as clients do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(work: Callable[[threading.Event], None], threads: int = 1) -> Iterator[None]:
    """``work`` goes on in so many threads until the ``with`` block ends: the event that it is given is set then."""
    stop = threading.Event()
    workers = [threading.Thread(target=work, args=(stop,)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join()
