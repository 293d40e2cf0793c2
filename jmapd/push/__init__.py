"""Who must hear of what has changed, and when (RFC 8620 section 7, RFC 8887 section 4.3.5)."""
