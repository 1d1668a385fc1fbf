"""The network: Twisted transports, the front door, and the WebSocket toolkit."""
