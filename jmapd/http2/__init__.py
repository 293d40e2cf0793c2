"""HTTP/2 (RFC 9113), and WebSockets on its streams (RFC 8441), on the `h2` library."""
