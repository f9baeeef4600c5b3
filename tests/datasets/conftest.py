"""What several tests of this folder need."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from filelock import FileLock

from molflow.datasets import qm9
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.store import cache_folder


@pytest.fixture(scope="session")
def qm9_digress(tmp_path_factory: pytest.TempPathFactory) -> MoleculeDataset:
    """All of QM9 on the default split, from the user's cache or, the first time, made there.

    One process of the tests makes it, with all cores, and the others wait.
    """
    # All processes of one run of the tests have this folder.
    with FileLock(tmp_path_factory.getbasetemp().parent / "qm9.lock"):
        return qm9.load(cache_folder())


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; a file named cut-... loses its end on the way."""

    def log_message(self, *_: object) -> None:
        pass

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        content = source.read()
        outputfile.write(content[:-5] if "/cut-" in self.path else content)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a web server, and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/", folder
        http.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def md5() -> Callable[[bytes], str]:
    """The digest of a content, as `download.fetch` takes it."""
    return lambda content: "md5:" + hashlib.md5(content).hexdigest()
