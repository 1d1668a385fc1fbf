"""Market data: 10,000 price updates a second, to clients that keep up and to one that does not."""
