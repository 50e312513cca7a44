"""The one kind of error that is the user's to mend, shown without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend: a broken file, a missing engine, a port taken.

    :param what: one sentence saying what is wrong, naming the file, service or port.
    :param remedy: one sentence saying what to do about it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}\n  remedy: {remedy}")
        self.what = what
        self.remedy = remedy
