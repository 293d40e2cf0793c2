"""jmapd: JMAP (RFC 8620, RFC 8621) over WebSocket (RFC 8887), as a Twisted service."""

__version__ = "0.1.0"
