"""What clients say: the Centrifuge protocol, and the raw one of plain WebSockets."""
