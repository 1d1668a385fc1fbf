"""The server: its configuration, and the picking of the parts."""
