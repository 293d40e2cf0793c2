"""EmailSubmission (RFC 8621 section 7): sending mail."""
