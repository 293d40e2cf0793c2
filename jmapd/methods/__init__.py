"""A Request executed (RFC 8620 section 3): dispatch, and the standard methods that every data type shares."""
