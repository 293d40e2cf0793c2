"""Attacks that servers were really hurt by, on a whole server, while somebody honest uses it."""
