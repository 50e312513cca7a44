"""``python -m cli``: the ``dr`` of the Python that runs it."""

from cli.main import main

main()
