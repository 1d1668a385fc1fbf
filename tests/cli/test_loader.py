"""Loading an app from its address."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sennit.cli.complaint import Misuse
from sennit.cli.loader import CHAT, load_app
from sennit.hub.app import App
from sennit.server import chat

Write = Callable[..., Path]


def complaint(address: str) -> str:
    """Return what is said about an address."""
    with pytest.raises(Misuse) as caught:
        load_app(address)
    return str(caught.value)


# -- an app --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["notes", "notes:", "notes:app", "notes:other", "notes:Shop.app", "shop.notes:app"]
)
def test_an_address(write_module: Write, address: str) -> None:
    """A module, and a name in it, which is ``app`` where it is left out."""
    source = """
        from sennit import App

        app = App()
        other = App()

        class Shop:
            app = other
    """
    write_module("notes", source)
    write_module("shop.notes", source)
    loaded = load_app(address)
    assert isinstance(loaded, App)
    module = sys.modules[address.partition(":")[0]]
    assert (loaded is module.other) == (address in ("notes:other", "notes:Shop.app"))


def test_the_chat() -> None:
    """It is there without a file of one's own."""
    assert load_app(CHAT) is chat.app


def test_the_current_directory_comes_first(write_module: Write) -> None:
    """Before whatever else is called so, and it is put on the path only once."""
    write_module("first")
    write_module("tabnanny")  # The standard library has one, too.
    load_app("first")
    load_app("tabnanny")
    assert sys.path[0] == str(Path.cwd())
    assert sys.path.count(str(Path.cwd())) == 1


def test_a_name_with_a_dash(write_module: Write) -> None:
    """Such a file cannot be imported by a statement, but served."""
    write_module("my-notes")
    assert isinstance(load_app("my-notes"), App)


# -- an address that is none ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("notes.py", "notes:app"),
        ("notes.py:other", "notes:other"),
        ("./notes.py", "notes:app"),
        ("shop/notes.py", "shop.notes:app"),
        ("shop/notes:other", "shop.notes:other"),
        ("{here}/shop/notes.py", "shop.notes:app"),
        ("/elsewhere/notes.py", "notes:app"),
        ("../notes.py", "notes:app"),
        ("my-shop/my-notes.py", "my-notes:app"),
        ("", "module:app"),
        (":app", "module:app"),
        (".notes", "notes:app"),
        ("..", "module:app"),
        ("shop..notes", "shop.notes:app"),
    ],
)
def test_not_like_an_address(address: str, meant: str) -> None:
    """It says what was probably meant."""
    address = address.format(here=Path.cwd())
    assert complaint(address) == f"{address!r} is not like module:app; try {meant}"


def test_no_such_module(write_module: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """It says where it was looked for, without a traceback."""
    write_module("shop.notes")
    where = f"neither in {Path.cwd()} nor on Python's path"
    assert complaint("nothing:app") == f"there is no module 'nothing', {where}"
    assert complaint("nothing.notes:app") == f"there is no module 'nothing', {where}"
    assert complaint("shop.nothing:app") == f"there is no module 'shop.nothing', {where}"
    assert capsys.readouterr().err == ""


def test_a_dot_for_a_colon(write_module: Write) -> None:
    """It asks whether a colon was meant."""
    write_module("notes")
    assert complaint("notes.app").endswith("nor on Python's path; or is it notes:app?")


def test_no_such_name(write_module: Write) -> None:
    """It says which app there is, or else which module that is."""
    write_module("notes", "from sennit import App\nserver = App()\nother = 1\n")
    write_module("bare", "")
    assert complaint("notes") == "notes has no 'app'; try notes:server"
    assert complaint("notes:server.app") == "notes has no 'server.app'; try notes:server"
    assert complaint("notes:") == "notes has no 'app'; try notes:server"
    assert complaint("bare:app") == f"bare has no 'app' (it is {Path.cwd() / 'bare.py'})"
    assert complaint("sys:app") == "sys has no 'app'"


def test_something_else_of_that_name(write_module: Write) -> None:
    """It says what it is."""
    write_module("notes", "from sennit import App\n\ndef app():\n    return App()\n\nsite = None\n")
    assert complaint("notes") == "notes:app is not a sennit.App but a function"
    assert complaint("notes:site") == "notes:site is not a sennit.App but a NoneType"


# -- a module that fails -------------------------------------------------------------------------


def test_a_module_that_raises(write_module: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Its traceback is shown from its first line on, then one line that says so."""
    path = write_module(
        "notes",
        """
        def begin():
            raise ValueError("no\\nluck")

        begin()
        """,
    )
    assert complaint("notes:app") == "notes cannot be loaded: ValueError: no luck"
    assert capsys.readouterr().err.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{path}", line 5, in <module>',
        "    begin()",
        f'  File "{path}", line 3, in begin',
        '    raise ValueError("no\\nluck")',
        "ValueError: no",
        "luck",
    ]


def test_a_module_that_is_no_python(
    write_module: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """The place is shown, and nothing of how it was imported."""
    path = write_module("notes", "app = (\n")
    assert complaint("notes").startswith("notes cannot be loaded: SyntaxError: ")
    error = capsys.readouterr().err
    assert f'File "{path}", line 1' in error
    assert "importlib" not in error
    assert "loader.py" not in error


def test_a_module_that_needs_another(
    write_module: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """That it is another one that is missing is said, and where it is imported."""
    path = write_module("notes", "import notes_of_old\n")
    expected = "notes cannot be loaded: ModuleNotFoundError: No module named 'notes_of_old'"
    assert complaint("notes") == expected
    assert f'File "{path}", line 1, in <module>' in capsys.readouterr().err


def test_a_declaration_that_cannot_be(
    write_module: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is found when the module is loaded, and the traceback shows which it is."""
    write_module(
        "notes", 'from sennit import App\napp = App()\napp.namespace("x", recovery=True)\n'
    )
    assert complaint("notes").startswith("notes cannot be loaded: ConfigurationError: recovery")
    assert 'app.namespace("x", recovery=True)' in capsys.readouterr().err


@pytest.mark.parametrize("status", ["", "0", "'no key'"])
def test_a_module_that_ends_the_program(write_module: Write, status: str) -> None:
    """It is not the end without a word, least of all with success."""
    write_module("notes", f"import sys\nsys.exit({status})\n")
    said = complaint("notes")
    assert said.startswith(f"notes cannot be loaded: it ends the program (SystemExit({status}")
    assert said.endswith('goes below if __name__ == "__main__":')


def test_a_module_that_installs_a_reactor(
    write_module: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told to leave that to the server, without a traceback."""
    write_module(
        "notes",
        """
        from twisted.internet.error import ReactorAlreadyInstalledError

        raise ReactorAlreadyInstalledError("reactor already installed")
        """,
    )
    assert complaint("notes") == (
        "notes installs a reactor of its own, but the server has installed one: leave it to the "
        "server, and choose by --reactor"
    )
    assert capsys.readouterr().err == ""


def test_an_interrupt_is_none_of_its_business(write_module: Write) -> None:
    """Somebody did not want to wait for a slow module."""
    write_module("notes", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_app("notes")
