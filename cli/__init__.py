"""``dr``, the operator's command line: one file a group of commands."""
