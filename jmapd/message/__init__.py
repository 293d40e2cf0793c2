"""RFC 5322 in, JMAP out: pure functions on bytes, each bounded in time and memory whatever it is given."""
