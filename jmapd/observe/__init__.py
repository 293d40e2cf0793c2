"""What an operator sees: metrics, health, the log."""
