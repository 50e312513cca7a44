"""Backups that are true: made, published whole, copied off the site, thinned out (DRP, Backup Strategy)."""
