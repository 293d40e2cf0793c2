"""Mailbox (RFC 8621 section 2): `type` has its descriptor."""
