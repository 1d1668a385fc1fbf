"""Brokers: where publications are kept, and how they reach other nodes."""
