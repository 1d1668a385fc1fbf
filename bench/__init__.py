"""What Sennit costs, beside its peers and beside bare C; see README.md."""
