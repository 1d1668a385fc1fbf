"""Makes ``sennit`` known to ``twist`` and ``twistd``."""

from twisted.application.service import ServiceMaker

sennit = ServiceMaker(
    "Sennit", "sennit.cli.plugin", "A real-time messaging server for Sennit apps.", "sennit"
)
