"""VacationResponse: what those who write are told while somebody is away (RFC 8621 section 8)."""
