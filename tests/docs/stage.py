"""Where a page is played: every block of its code is run, in order, and must do what the page says.

The pages keep to these rules, so that what a reader sees is what was tried:

``python``
    Runs in one namespace with the page's other blocks, as if all were typed into one interpreter,
    which was started in the page's folder.
    A first line ``# name.py`` makes it a file of that name, in that folder; with
    ``# name.py, continued`` it is added to the end of that file. A file is a program if a ``text``
    block follows it: it is run in a process of its own. Else something on the page has to use it
    later: serve it, run it, or import it. What runs a reactor is always a file.
``js``
    A program for Node, where the SDK ``centrifuge`` can be imported, and ``WebSocket`` is global
    as in a browser.
``sh``
    A command. ``sennit serve`` alone, and ``sennit``, ``twist`` and ``twistd`` with a file of the
    page are started, and take the place of what such a command has started before. Of ``sennit``
    that is ``serve``; its other commands are run and must do well, and what they say counts where
    a ``text`` block shows it. ``python name.py`` is run. Any other one is not, and neither are
    several in one block; but ``test_command`` looks at their options.
``toml``
    A configuration: it is loaded. A first line ``# name.toml`` makes it a file as well.
``text``
    What the block before it prints, exactly. Without one a block prints nothing.
``http``, ``ini``, ``json``, ``nginx``, none, or a directive in braces
    Shown, not run. There are no other languages.

A program has 15 seconds to print what it should. If it has done so and not ended, it goes on until
the page is over, as servers do. The numbers 8000 to 8009 stand for ports that are free.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from sennit.errors import ConfigurationError
from sennit.server.configuration import load_configuration
from tests.docs.page import Block, Page
from tests.live.process import Process
from tests.live.requirement import require_node

__all__ = ["COMMANDS", "MODULES", "SnippetError", "Stage"]

DEADLINE = 15.0
"""Seconds for a program to print what it should, and for a server to listen."""
SETTLING = 0.5
"""Seconds for a program to end after that, before it is taken for one that goes on."""

MODULES = Path(__file__).resolve().parents[1] / "live" / "sdk" / "js"
"""Where the SDK for Node is installed."""
COMMANDS = ("sennit", "twist", "twistd")
"""The commands that serve."""
SHOWN = ("", "http", "ini", "json", "nginx")

_NAME = re.compile(r"# ([\w.-]+\.(?:py|tac|toml))(, continued)?")
_SETTING = re.compile(r"(\w+)=(.*)")
_PORT = re.compile(r"\b800\d\b")
_PRELUDE = 'import WebSocket from "ws";\nglobalThis.WebSocket ??= WebSocket;\n'


class SnippetError(AssertionError):
    """A block that does not do what its page says."""


class Stage:
    """Plays one page; a context that ends what was started.

    Args:
        page: the page.
        folder: an empty one, for the page's files.
        new_port: finds free ports.
    """

    def __init__(self, page: Page, folder: Path, new_port: Callable[[], int]) -> None:
        self._page = page
        self._folder = folder
        self._new_port = new_port
        self._ports: dict[str, str] = {}
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._unused: dict[str, int] = {}
        """The line of each file that nothing has used yet."""
        self._server: Process | None = None
        self._processes: list[Process] = []
        self._going_on: list[tuple[Process, str, int]] = []
        """Programs that had not ended, what they should have said by then, and their lines."""
        self._line = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.stop()

    def play(self) -> None:
        """Run every block.

        Raises:
            SnippetError: one does not do what the page says; the message says which, and what it
                did.
        """
        blocks = self._page.blocks
        for index, block in enumerate(blocks):
            self._line = block.line
            follows = blocks[index + 1] if index + 1 < len(blocks) else None
            wanted = follows.source if follows is not None and follows.language == "text" else None
            if not self._run(block, wanted) and wanted is not None:
                raise self._error(
                    "a text block is what the block before it prints; nothing runs it"
                )
        for process, said, line in self._going_on:
            self._line = line
            self._compare(self._said(process), said, "by the end of the page it")
        for name, line in self._unused.items():
            self._line = line
            raise self._error(f"nothing on the page uses {name}")

    # -- the languages ---------------------------------------------------------------------------

    def _run(self, block: Block, wanted: str | None) -> bool:
        """Run a block, and return whether it can print something."""
        match block.language:
            case "python":
                name = self._file(block)
                if name is None:
                    self._talk(block, wanted or "")
                elif wanted is not None:
                    self._use(name)
                    self._program([sys.executable, name], wanted)
                return name is None or wanted is not None
            case "js":
                self._javascript(block, wanted or "")
                return True
            case "sh":
                return self._shell(block, wanted)
            case "toml":
                self._configuration(block)
                return False
            case "text":
                return False
            case language if language in SHOWN or language.startswith("{"):
                return False
            case language:
                raise self._error(f"no rule says what to do with the language {language!r}")

    def _talk(self, block: Block, wanted: str) -> None:
        source = "\n" * (block.line - 1) + self._localize(block.source)
        output = io.StringIO()
        try:
            code = compile(source, str(self._page), "exec", dont_inherit=True)
            with contextlib.redirect_stdout(output), contextlib.chdir(self._folder):
                exec(code, self._namespace)  # noqa: S102 - that is what it is for
        except (Exception, SystemExit) as error:
            raise self._error(f"it fails:\n{traceback.format_exc()}") from error
        self._compare(self._globalize(output.getvalue()), wanted)

    def _javascript(self, block: Block, wanted: str) -> None:
        node = require_node(MODULES).program
        modules = self._folder / "node_modules"
        if not modules.exists():
            modules.symlink_to(MODULES / "node_modules")
            (self._folder / "prelude.mjs").write_text(_PRELUDE)
        name = f"line{block.line}.mjs"
        (self._folder / name).write_text(self._localize(block.source))
        self._program([str(node), "--import", "./prelude.mjs", name], wanted)

    def _configuration(self, block: Block) -> None:
        name = self._file(block)
        if name is None:
            name = f"line{block.line}.toml"
            (self._folder / name).write_text(self._localize(block.source))
        self._use(name)
        try:
            load_configuration(self._folder / name)
        except ConfigurationError as error:
            raise self._error(f"it cannot be loaded: {error}") from error

    def _shell(self, block: Block, wanted: str | None) -> bool:
        words = shlex.split(block.source.replace("\\\n", " "), comments=True)
        if len(block.source.replace("\\\n", " ").strip().splitlines()) != 1:
            return False
        environment: dict[str, str] = {}
        while words and (setting := _SETTING.fullmatch(words[0])):
            environment[setting[1]] = setting[2]
            del words[0]
        files = [word.partition(":")[0] for word in words[1:]]
        used = [name for word in files for name in (word, f"{word}.py") if self._has(name)]
        for name in used:
            self._use(name)
        if used and words[0] == "sennit" and words[1] != "serve":
            self._command(words, wanted)
        elif words == ["sennit", "serve"] or (used and words[0] in COMMANDS):
            self._serve(words, environment, wanted or "")
        elif used and words[0] == "python":
            self._program([sys.executable, *words[1:]], wanted or "")
        else:
            return False
        return True

    # -- processes -------------------------------------------------------------------------------

    def _serve(self, words: list[str], environment: dict[str, str], wanted: str) -> None:
        if self._server is not None:
            self._server.stop()
        port = self._localize("8000")
        command = [str(Path(sys.executable).with_name(words[0])), *map(self._localize, words[1:])]
        if words[0] == "sennit":
            command += ["--port", port]
        server = self._server = self._start(command, environment)
        deadline = time.monotonic() + DEADLINE
        while not _listens(int(port)):
            if not server.running() or time.monotonic() > deadline:
                raise self._error(f"it does not serve; it says:\n{self._said(server)}")
            time.sleep(0.02)
        if wanted:
            while self._said(server) != wanted and time.monotonic() < deadline:
                time.sleep(0.02)
            self._compare(self._said(server), wanted)

    def _command(self, words: list[str], wanted: str | None) -> None:
        program = str(Path(sys.executable).with_name(words[0]))
        process = self._start([program, *map(self._localize, words[1:])])
        try:
            status = process.wait(DEADLINE)
        except subprocess.TimeoutExpired as error:
            raise self._error(f"it has not ended after {DEADLINE} seconds") from error
        if status:
            raise self._error(f"it ends with status {status}: {self._said(process)}")
        if wanted is not None:
            self._compare(self._said(process), wanted)

    def _program(self, command: list[str], wanted: str) -> None:
        process = self._start(command)
        deadline = time.monotonic() + DEADLINE
        while process.running() and time.monotonic() < deadline:
            if wanted and self._said(process) == wanted:
                # It has said everything; a moment more, in which it may end, or say too much.
                deadline = min(deadline, time.monotonic() + SETTLING)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        if not process.running():
            status = process.wait()
            self._compare(self._said(process), wanted, f"it ends with status {status} and")
            if status:
                raise self._error(f"it ends with status {status}")
        else:
            self._compare(self._said(process), wanted)
            if not wanted:
                raise self._error(f"it has not ended after {DEADLINE} seconds")
            self._going_on.append((process, wanted, self._line))

    def _start(self, command: list[str], environment: dict[str, str] | None = None) -> Process:
        process = Process(command, environment, self._folder)
        self._processes.append(process)
        return process

    def _said(self, process: Process) -> str:
        return self._globalize("".join(f"{line}\n" for line in list(process.lines)))

    # -- files -----------------------------------------------------------------------------------

    def _file(self, block: Block) -> str | None:
        """Write a block that is a file, and return its name."""
        match = _NAME.fullmatch(block.source.partition("\n")[0])
        if match is None:
            return None
        name, continued = match.groups()
        path = self._folder / name
        source = self._localize(block.source)
        if continued:
            if not path.exists():
                raise self._error(f"there is no {name} to be continued")
            source = path.read_text() + "\n\n" + source
        path.write_text(source)
        self._use_imports(block)
        self._unused[name] = block.line
        return name

    def _has(self, name: str) -> bool:
        return bool(name) and (self._folder / name).is_file()

    def _use(self, name: str) -> None:
        self._unused.pop(name, None)

    def _use_imports(self, block: Block) -> None:
        for name in list(self._unused):
            module = re.escape(name.removesuffix(".py"))
            if re.search(rf"^\s*(from|import) {module}\b", block.source, re.MULTILINE):
                self._use(name)

    def _localize(self, text: str) -> str:
        """Put this run's ports where the page has its own."""
        return _PORT.sub(lambda match: self._port(match[0]), text)

    def _globalize(self, text: str) -> str:
        for doc, port in self._ports.items():
            text = re.sub(rf"\b{port}\b", doc, text)
        return text

    def _port(self, doc: str) -> str:
        if doc not in self._ports:
            self._ports[doc] = str(self._new_port())
        return self._ports[doc]

    # -- verdicts --------------------------------------------------------------------------------

    def _compare(self, said: str, wanted: str, what: str = "it") -> None:
        if said != wanted:
            raise self._error(
                f"{what} prints\n{said or '(nothing)'}\nand not\n{wanted or '(nothing)'}"
            )

    def _error(self, problem: str) -> SnippetError:
        return SnippetError(f"{self._page}:{self._line}: {problem}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
