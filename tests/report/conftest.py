"""A browser without a window, for tests of the page's script; they are skipped where it lacks."""

import fcntl
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 120.0
"""Seconds that the browser has for an answer: a machine may do other things too."""
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-extensions", "--remote-debugging-pipe"),
)


class Browser:
    """One tab of Chromium, driven by its debugging protocol over two pipes."""

    def __init__(self, program: str, home: Path) -> None:
        self.downloads = home / "downloads"
        theirs_in, self.output = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in os.pipe())
        self.input, theirs_out = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in os.pipe())
        actions = [
            (os.POSIX_SPAWN_DUP2, theirs_in, 3),
            (os.POSIX_SPAWN_DUP2, theirs_out, 4),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        arguments = [program, *FLAGS, f"--user-data-dir={home / 'profile'}", "about:blank"]
        self.process = os.posix_spawn(program, arguments, os.environ, file_actions=actions)
        os.close(theirs_in)
        os.close(theirs_out)
        self.unread, self.number, self.events = b"", 0, []
        self.session: str | None = None
        tab = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def call(self, method: str, **parameters: Any) -> dict:
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def _message(self) -> dict:
        end = monotonic() + PATIENCE
        while b"\0" not in self.unread:
            ready, _, _ = select([self.input], [], [], max(0.0, end - monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self.input, 1 << 20)
            assert part, "the browser has ended"
            self.unread += part
        text, _, self.unread = self.unread.partition(b"\0")
        return json.loads(text)

    def open(self, address: str) -> None:
        """Load a page, another one than before, and wait for it."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        end = monotonic() + PATIENCE
        while not self.run(condition):
            assert monotonic() < end, f"never: {condition}"
            sleep(0.02)

    def saved(self, name: str) -> str:
        """The text of a file that the page has saved, which is then removed."""
        path, end = self.downloads / name, monotonic() + PATIENCE
        while not path.exists() or not path.stat().st_size:
            assert monotonic() < end, f"{name} was not saved"
            sleep(0.02)
        text = path.read_bytes().decode()
        path.unlink()
        return text

    def faults(self) -> list[dict]:
        """What the page's script threw, and what its security policy refused."""
        names = ("Runtime.exceptionThrown", "Log.entryAdded")
        return [event["params"] for event in self.events if event.get("method") in names]

    def close(self) -> None:
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.input)
        os.close(self.output)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"the page's script needs a browser: one of {', '.join(NAMES)}")
    with TemporaryDirectory(ignore_cleanup_errors=True) as home:
        one = Browser(program, Path(home))
        yield one
        one.close()
