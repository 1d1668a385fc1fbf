from collections.abc import Callable
from typing import Any

from sennit.net._group import Group
from sennit.net._socket import Socket

class Listener:
    def fileno(self) -> int: ...
    def stop(self) -> None: ...

def listen(
    group: Group, owner: Any, accepted: Callable[[Socket], None], tls: Any = None
) -> Listener: ...
