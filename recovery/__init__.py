"""What is done about it: the DRP's procedures as runbooks, and the DRP's validation boxes."""
