"""Makes ``sennit`` and ``websocket`` known to ``twist`` and ``twistd``."""

from twisted.application.service import ServiceMaker

sennit = ServiceMaker(
    "Sennit", "sennit.cli.plugin", "A real-time messaging server for Sennit apps.", "sennit"
)
websocket = ServiceMaker(
    "Sennit's WebSockets",
    "sennit.cli.websocket",
    "A server of WebSockets by a handler of yours.",
    "websocket",
)
