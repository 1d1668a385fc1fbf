"""A game: everybody paints one board, which the server alone decides about, 20 times a second."""
