"""What was promised: the disaster recovery plan (``drp.toml``) as data."""
