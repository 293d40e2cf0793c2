"""What is kept: accounts, mailboxes, emails, blobs, search and the one table of changes, behind SQL."""
