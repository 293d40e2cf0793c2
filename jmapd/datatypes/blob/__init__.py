"""Blobs by JMAP's own methods (RFC 9404; Blob/copy of RFC 8620 section 6.3)."""
