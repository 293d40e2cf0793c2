"""The worker processes: the pool in front (Twisted), the process behind it (plain Python), the channel between."""
