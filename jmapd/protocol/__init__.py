"""RFC 8620 and RFC 8887 as values: nothing here does I/O or imports another room of jmapd."""
