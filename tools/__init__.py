"""What builds and tests the project; nothing of it is installed."""
