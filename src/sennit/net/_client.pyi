from collections.abc import Callable

from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from sennit.net._group import Group
from sennit.net._socket import Socket

class Waiter:
    def stop(self) -> None: ...

class ClientSocket(Socket): ...

def wait(group: Group, fd: int, ready: Callable[[Failure | None], object]) -> Waiter: ...
def adopt_client(
    group: Group, fd: int, peer: IAddress | None, ended: Callable[[Failure], object]
) -> ClientSocket: ...
