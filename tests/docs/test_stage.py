"""The stage itself: a page that is not true must fail, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs import stage as stage_module
from tests.docs.page import Page
from tests.docs.stage import SnippetError, Stage

Play = Callable[..., None]

APP = ("python", "# little.py\nfrom sennit import App\n\napp = App()\n")
SERVER = (
    "python",
    """\
# little.py
import socket
import time

with socket.create_server(("127.0.0.1", 8000)):
    print("on 8000", flush=True)
    time.sleep(60)
""",
)


@pytest.fixture
def play(tmp_path: Path, new_port: Callable[[], int]) -> Play:
    """Return ``play((language, source), …)``, which plays a page of these blocks."""

    def play(*blocks: tuple[str, str]) -> None:
        path = tmp_path / "page.md"
        path.write_text("".join(f"```{language}\n{source}```\n\n" for language, source in blocks))
        folder = tmp_path / "folder"
        folder.mkdir()
        with Stage(Page(path), folder, new_port) as stage:
            stage.play()

    return play


TRUE = {
    "blocks share a namespace": [("python", "a = 1\n"), ("python", "print(a)\n"), ("text", "1\n")],
    "a file is a program": [("python", "# a.py\nprint(1)\n"), ("text", "1\n")],
    "a file goes on": [
        ("python", "# a.py\na = 1\n"),
        ("python", "# a.py, continued\nprint(a)\n"),
        ("text", "1\n"),
    ],
    "a file is imported": [
        ("python", "# a.py\nb = 1\n"),
        ("python", "# c.py\nfrom a import b\n\nprint(b)\n"),
        ("text", "1\n"),
    ],
    "a file is run by its command": [
        ("python", "# a.py\nimport sys\n\nprint(sys.argv[1])\n"),
        ("sh", "python a.py x\n"),
        ("text", "x\n"),
    ],
    "an app is served": [
        APP,
        ("sh", "sennit serve little:app\n"),
        ("text", "Sennit serves http://127.0.0.1:8000/ - press Ctrl-C to stop.\n"),
    ],
    "a program goes on": [
        SERVER,
        ("text", "on 8000\n"),
        ("python", "import socket\n\nsocket.create_connection(('127.0.0.1', 8000)).close()\n"),
    ],
    "a command that is no server": [
        ("toml", '# a.toml\n[tokens]\nhmac_secret = "thirty-two bytes are enough for it"\n'),
        ("sh", "sennit token --config a.toml\n"),
    ],
    "a configuration": [("toml", "port = 8000\n")],
    "javascript": [("js", "console.log(typeof WebSocket);\n"), ("text", "function\n")],
}


@pytest.mark.parametrize("blocks", TRUE.values(), ids=TRUE)
def test_a_true_page(play: Play, blocks: list[tuple[str, str]]) -> None:
    """It passes."""
    play(*blocks)


FALSE = {
    "another output": [("python", "print(1)\n"), ("text", "2\n")],
    "an output that is not shown": [("python", "print(1)\n")],
    "no output": [("python", "a = 1\n"), ("text", "1\n")],
    "an exception": [("python", "1 / 0\n")],
    "no Python": [("python", "let a = 1;\n")],
    "an exit": [("python", "raise SystemExit\n")],
    "another program's output": [("python", "# a.py\nprint(1)\n"), ("text", "2\n")],
    "more output": [("python", "# a.py\nprint(1)\nprint(2)\n"), ("text", "1\n")],
    "too many words in the end": [
        (
            "python",
            "# a.py\nfrom time import sleep\n\nprint(1)\nsleep(0.6)\nprint(2)\nsleep(60)\n",
        ),
        ("text", "1\n"),
        ("python", "import time\n\ntime.sleep(0.5)\n"),
    ],
    "words on standard error": [
        ("python", "# a.py\nimport sys\n\nprint(1)\nprint(2, file=sys.stderr)\n"),
        ("text", "1\n"),
    ],
    "a status": [("python", "# a.py\nprint(1, flush=True)\nexit(1)\n"), ("text", "1\n")],
    "a file that nothing uses": [("python", "# a.py\na = 1\n")],
    "no file to continue": [("python", "# a.py, continued\nprint(1)\n"), ("text", "1\n")],
    "an app that is none": [
        ("python", "# little.py\napp = 1\n"),
        ("sh", "sennit serve little:app\n"),
    ],
    "a command that fails": [
        ("toml", "# a.toml\nport = 8000\n"),
        ("sh", "sennit token --config a.toml\n"),
    ],
    "a command that says something else": [
        ("toml", '# a.toml\n[tokens]\nhmac_secret = "thirty-two bytes are enough for it"\n'),
        ("sh", "sennit token --config a.toml\n"),
        ("text", "a token\n"),
    ],
    "a server that says something else": [
        APP,
        ("sh", "sennit serve little:app\n"),
        ("text", "Sennit serves http://127.0.0.1:8001/\n"),
    ],
    "no configuration": [("toml", "prot = 8000\n")],
    "no TOML": [("toml", "port: 8000\n")],
    "another output of javascript": [("js", "console.log(1);\n"), ("text", "2\n")],
    "an exception in javascript": [("js", "nothing();\n")],
    "an output of nothing": [("sh", "make a-wish\n"), ("text", "granted\n")],
    "an output of an example": [("json", "{}\n"), ("text", "{}\n")],
    "a language without a rule": [("py", "print(1)\n")],
}


@pytest.mark.parametrize("blocks", FALSE.values(), ids=FALSE)
def test_a_false_page(
    play: Play, blocks: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails, and says where."""
    monkeypatch.setattr(stage_module, "DEADLINE", 1.5)
    with pytest.raises(SnippetError, match=r"a page:\d+: "):
        play(*blocks)


def test_a_program_that_does_not_end(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and ended with its page."""
    monkeypatch.setattr(stage_module, "DEADLINE", 0.3)
    with pytest.raises(SnippetError, match="not ended"):
        play(("js", "setInterval(() => {}, 1000);\n"))


def test_ports_are_free_ones(tmp_path: Path, new_port: Callable[[], int]) -> None:
    """Two pages with the same numbers can run side by side."""
    path = tmp_path / "page.md"
    path.write_text(f"```python\n{SERVER[1]}```\n\n```text\non 8000\n```\n")
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    with (
        Stage(Page(path), folders[0], new_port) as one,
        Stage(Page(path), folders[1], new_port) as other,
    ):
        one.play()
        other.play()
