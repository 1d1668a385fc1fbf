"""Servers made with other libraries: each echoes, or sends every message to every connection."""
