"""The hub: an application's declarations, its sessions and channels, and who gets what."""
