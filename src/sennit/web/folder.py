"""A place in the tree of addresses: it has children, and nothing of its own."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from urllib.parse import quote

from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from sennit.web.answer import answer
from sennit.web.notice import not_found

__all__ = ["Folder"]


class Folder(Resource):
    """Names lead to children, exactly; any other leads to a page that says so.

    A folder that has an index (the child of the empty name) leads to it from its address without
    the slash at the end, as relative addresses in a page need it.
    """

    def __init__(self) -> None:
        Resource.__init__(self)

    def place(self, path: str, resource: IResource) -> None:
        """Put a resource at a path below this folder, making folders on the way.

        What is there already makes room.
        """
        folder = self
        *names, last = path.removeprefix("/").split("/")
        for name in names:
            child = folder.children.get(name.encode())
            if not isinstance(child, Folder):
                child = Folder()
                folder.putChild(name.encode(), child)
            folder = child
        folder.putChild(last.encode(), resource)

    def getChild(self, path: bytes, request: Request) -> Resource:  # noqa: ARG002 - Twisted's form
        """Return what is where no child is."""
        return not_found()

    def render(self, request: Request) -> bytes:
        """Lead to the index."""
        if b"" not in self.children:
            return not_found().render(request)
        name = (request.prepath or [b""])[-1]
        _, mark, query = request.uri.partition(b"?")
        # Relative, so that it holds behind any proxy and cannot lead to another host.
        location = f"./{quote(name, safe='')}/".encode() + mark + query
        request.setHeader(b"location", location)
        return answer(request, b"", status=308, kind="text/plain; charset=utf-8")
