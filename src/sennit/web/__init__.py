"""What Sennit says over HTTP: built pages, health, and plain words where there is nothing."""
