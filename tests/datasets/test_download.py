"""What is downloaded is what was meant, or nothing is kept and one line says what to do."""

import hashlib
import os
import socket
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from molflow.datasets import download
from molflow.datasets.download import download_folder, fetch, fetch_wheel
from molflow.errors import InputError

CONTENT = b"smiles\nCCO\n" * 1_000
Server = tuple[str, Path]
Digest = Callable[[bytes], str]


def test_a_file_is_fetched_once(server: Server, md5: Digest, tmp_path: Path) -> None:
    address, folder = server
    (folder / "a.csv").write_bytes(CONTENT)
    target = tmp_path / "cache" / "a.csv"
    assert fetch(address + "a.csv", md5(CONTENT), target) == target
    assert target.read_bytes() == CONTENT
    (folder / "a.csv").unlink()
    assert fetch(address + "a.csv", md5(CONTENT), target).read_bytes() == CONTENT


def test_the_address_may_be_that_of_a_file(md5: Digest, tmp_path: Path) -> None:
    source = tmp_path / "a b.csv"
    source.write_bytes(CONTENT)
    target = tmp_path / "cache" / "a.csv"
    assert fetch(source.as_uri(), md5(CONTENT), target).read_bytes() == CONTENT


def test_another_content_is_refused_and_not_kept(
    server: Server, md5: Digest, tmp_path: Path
) -> None:
    address, folder = server
    (folder / "a.csv").write_bytes(b"<html>sorry</html>")
    with pytest.raises(InputError) as caught:
        fetch(address + "a.csv", md5(CONTENT), tmp_path / "cache" / "a.csv")
    found, expected = md5(b"<html>sorry</html>")[4:], md5(CONTENT)[4:]
    assert str(caught.value) == f"{address}a.csv: md5 {found}, expected {expected}"
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("name", ["absent.csv", "cut-a.csv"])
def test_a_failed_download_says_which_file_to_place_where(
    server: Server, md5: Digest, tmp_path: Path, name: str
) -> None:
    address, folder = server
    (folder / "cut-a.csv").write_bytes(CONTENT)
    target = tmp_path / "cache" / "a.csv"
    with pytest.raises(InputError) as caught:
        fetch(address + name, md5(CONTENT), target)
    message = str(caught.value)
    if name == "absent.csv":
        digits = md5(CONTENT)[4:]
        assert message == (
            f"cannot fetch {address}absent.csv: HTTP Error 404: File not found; "
            f"get it elsewhere (md5 {digits}) and place it at {target}"
        )
    assert "\n" not in message
    assert not target.exists()
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


def test_without_a_network_the_error_is_the_same(md5: Digest, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # Bound and not listening: connections are refused.
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.csv"
        with pytest.raises(InputError, match=rf"cannot fetch {url}: .*refused.*; get it elsewhere"):
            fetch(url, md5(CONTENT), tmp_path / "a.csv")


def test_a_file_placed_by_hand_is_checked(md5: Digest, tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_bytes(CONTENT)
    assert fetch("http://127.0.0.1:1/a.csv", md5(CONTENT), target) == target
    target.write_bytes(b"another")
    with pytest.raises(InputError) as caught:
        fetch("http://127.0.0.1:1/a.csv", md5(CONTENT), target)
    found, expected = md5(b"another")[4:], md5(CONTENT)[4:]
    assert str(caught.value) == (
        f"{target}: md5 {found}, expected {expected}; delete it, or replace it by the right file"
    )
    assert target.read_bytes() == b"another"


def test_a_folder_in_the_place_of_the_file_is_named(md5: Digest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*: Is a directory"):
        fetch("http://127.0.0.1:1/a.csv", md5(CONTENT), tmp_path)


def test_a_folder_that_cannot_be_written_is_named(
    server: Server, md5: Digest, tmp_path: Path
) -> None:
    address, folder = server
    (folder / "a.csv").write_bytes(CONTENT)
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(InputError, match="cannot write"):
        fetch(address + "a.csv", md5(CONTENT), tmp_path / "cache" / "a.csv")


def test_downloads_lie_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert download_folder(tmp_path) == tmp_path / "downloads"
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path / "mine"))
    assert download_folder(None) == tmp_path / "mine" / "downloads"


@pytest.fixture
def wheelhouse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder in which pip looks; it holds made-1.0, whose module must not be imported."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    with zipfile.ZipFile(folder / "made-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("made/__init__.py", "raise SystemExit('imported')\n")
        wheel.writestr("made-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("made-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("made-1.0.dist-info/RECORD", "")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


METADATA = "Metadata-Version: 2.1\nName: made\nVersion: 1.0\nRequires-Dist: nowhere-to-be-found\n"


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_pip_fetches_a_wheel_and_not_what_it_requires(wheelhouse: Path, tmp_path: Path) -> None:
    source = wheelhouse / "made-1.0-py3-none-any.whl"
    target = tmp_path / "cache" / source.name
    assert fetch_wheel("made==1.0", sha256(source), target) == target
    assert target.read_bytes() == source.read_bytes()
    assert list(target.parent.iterdir()) == [target]


def test_a_wheel_of_another_content_is_refused(wheelhouse: Path, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "made.whl"
    with pytest.raises(InputError, match=r"^made==1\.0: sha256 [0-9a-f]{64}, expected 00$"):
        fetch_wheel("made==1.0", "sha256:00", target)
    assert list(target.parent.iterdir()) == []


def test_a_wheel_that_pip_cannot_find_is_to_be_placed_by_hand(
    wheelhouse: Path, tmp_path: Path
) -> None:
    target = tmp_path / "cache" / "made.whl"
    with pytest.raises(InputError) as caught:
        fetch_wheel("made==2.0", "sha256:00", target)
    assert str(caught.value) == (
        "cannot fetch made==2.0: ERROR: No matching distribution found for made==2.0; "
        f"get it elsewhere (sha256 00) and place it at {target}"
    )
    assert list(target.parent.iterdir()) == []


def test_without_pip_a_wheel_placed_by_hand_is_enough(
    wheelhouse: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho python: No module named pip >&2\nexit 1\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    source = wheelhouse / "made-1.0-py3-none-any.whl"
    target = tmp_path / "cache" / "made.whl"
    with pytest.raises(InputError, match="No module named pip; get it elsewhere"):
        fetch_wheel("made==1.0", sha256(source), target)
    target.write_bytes(source.read_bytes())
    assert fetch_wheel("made==1.0", sha256(source), target) == target


def test_a_download_reads_in_blocks(
    server: Server, md5: Digest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, folder = server
    (folder / "a.csv").write_bytes(CONTENT)
    totals = []

    def spy(iterable, description, total=None, unit="it"):  # type: ignore[no-untyped-def]
        totals.append(total)
        for item in iterable:
            totals.append(len(item))
            yield item

    monkeypatch.setattr(download, "progress", spy)
    monkeypatch.setattr(download, "BLOCK", 5_000)
    fetch(address + "a.csv", md5(CONTENT), tmp_path / "a.csv")
    # 11,000 bytes are three blocks.
    assert totals == [3, 5_000, 5_000, 1_000]
