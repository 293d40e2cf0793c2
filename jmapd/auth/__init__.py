"""Who is this: credentials in, a Principal out."""
