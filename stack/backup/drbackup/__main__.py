"""``drbackup COMMAND``: exit 0 when all is well, 1 when something was found bad, 2 when it could not be done."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from drbackup import report
from drbackup.commands import COMMANDS
from drbackup.errors import Bad
from drbackup.settings import Settings
from drbackup.status import in_words

OK, BAD, CANNOT = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    :param argv: the arguments; None: the process's own.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="drbackup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in arguments[:1]:
            importlib.import_module(module).arguments(command)
    options = parser.parse_args(arguments)
    try:
        chosen = importlib.import_module(COMMANDS[options.command][0])
        return int(chosen.run(Settings.from_environment(), options))
    except Bad as error:
        report.say(str(error))
        return BAD
    except KeyboardInterrupt:
        report.say("interrupted")
    except Exception as error:  # noqa: BLE001 - a traceback's exit status is 1, which says that something is bad
        report.say(in_words(error))
    return CANNOT


if __name__ == "__main__":
    sys.exit(main())
