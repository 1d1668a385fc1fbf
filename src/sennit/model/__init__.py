"""The values that every room speaks of: publications, positions, clients, codes."""
