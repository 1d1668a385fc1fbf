"""Connections in memory, for tests: no sockets, no sleeps, no luck.

::

    from sennit import websocket
    from sennit.testing import Network

    def test_echo():
        network = Network()
        network.result(websocket.listen(network, "tcp:8000", echo))
        ws = network.result(websocket.connect(network, "ws://localhost:8000/"))
        ws.send("hello")
        assert network.result(ws.recv()) == "hello"

A :class:`Network` is a Twisted reactor on a fake clock, and everything that takes a reactor takes
it. It needs no plugin and fits every test runner. See the guide, "Testing".
"""

from sennit.testing.certificate import certificate
from sennit.testing.flow import Conditions, Flow
from sennit.testing.link import Link
from sennit.testing.loop import Stalled
from sennit.testing.network import Network

__all__ = ["Conditions", "Flow", "Link", "Network", "Stalled", "certificate"]
