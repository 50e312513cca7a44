"""Only lists the plugins: each resource has a file of its own in ``fixtures/``."""

pytest_plugins = ["fixtures.plugin", "fixtures.fix_stack", "fixtures.fix_drill"]
