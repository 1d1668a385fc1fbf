"""Makes ``sennit``, ``websocket`` and a reactor known to ``twist``, ``twistd`` and ``trial``."""

from twisted.application.reactors import Reactor
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
reactor = Reactor(
    "sennit", "sennit.net.reactor", "epoll, with Sennit's native connections built in."
)
