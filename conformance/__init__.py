"""Outside test suites against Sennit's server and client; see README.md."""
