"""Email (RFC 8621 section 4): `type` has its descriptor."""
