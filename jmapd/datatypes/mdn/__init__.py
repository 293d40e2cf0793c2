"""MDN: telling who asked for it what became of a message (RFC 9007)."""
