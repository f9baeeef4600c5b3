"""Models on a hub, against a stand-in on this machine: fetched, pinned, pushed, refused."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import torch

import molflow
from molflow import check, evaluate, optimize, sample, train
from molflow.errors import InputError
from molflow.generator import Generator
from molflow.model import hub
from molflow.model.checkpoint import read_spec, save_model
from molflow.model.place import find_model

pytest.importorskip("huggingface_hub", reason="huggingface_hub talks to hubs: the extra hub")

ACCOUNT = "Bearer of-mine"
FILES = {"model.safetensors", "config.json", "README.md"}


@dataclass
class Repository:
    """Commits, the branches and tags that name them, and who may read it."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes]) -> str:
        """Add files to the main branch."""
        whole = {**self.commits.get(self.names.get("main", ""), {}), **files}
        number = hashlib.sha1(repr((len(self.commits), whole)).encode()).hexdigest()
        self.commits[number], self.names["main"] = whole, number
        return number


class StandIn(ThreadingHTTPServer):
    """The part of a hub that molflow asks for. It keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.repositories: dict[str, Repository] = {}
        self.fetched: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, content: object = b"", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def open(self, name: str) -> Repository | None:
        """The repository, if it is there and open to who asks; else the answer is that it lacks."""
        found = self.server.repositories.get(name)
        if found is None or (found.private and self.headers.get("Authorization") != ACCOUNT):
            self.answer(401, {"error": "no such repository"}, X_Error_Code="RepoNotFound")
            return None
        return found

    def do_GET(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if parts[:2] == ["api", "models"] and len(parts) > 5:
            name, kind, revision = "/".join(parts[2:4]), parts[4], parts[5]
        elif len(parts) > 4 and parts[2] == "resolve":
            name, kind, revision = "/".join(parts[:2]), "resolve", parts[3]
        else:
            return self.answer(404)
        repository = self.open(name)
        if repository is None:
            return None
        number = repository.names.get(revision, revision)
        if number not in repository.commits:
            return self.answer(404, {}, X_Error_Code="RevisionNotFound")
        files = repository.commits[number]
        if kind == "revision":
            siblings = [{"rfilename": one} for one in files]
            return self.answer(200, {"id": name, "sha": number, "siblings": siblings})
        if kind == "tree":
            sizes = {one: len(content) for one, content in files.items()}
            entries = [
                {"type": "file", "path": one, "size": size, "oid": one}
                for one, size in sizes.items()
            ]
            return self.answer(200, entries)
        content = files["/".join(parts[4:])]
        if self.command == "GET":
            self.server.fetched.append("/".join(parts[4:]))
        tag = f'"{hashlib.sha1(content).hexdigest()}"'
        return self.answer(200, content, ETag=tag, X_Repo_Commit=number)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if self.headers.get("Authorization") != ACCOUNT:
            return self.answer(401, {"error": "Invalid username or password."})
        if self.path == "/api/repos/create":
            return self.create(json.loads(body))
        parts = urlsplit(self.path).path.strip("/").split("/")
        name = "/".join(parts[2:4])
        if parts[4] == "preupload":
            modes = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": modes})
        lines = [json.loads(line)["value"] for line in body.splitlines()]
        files = {one["path"]: base64.b64decode(one["content"]) for one in lines if "path" in one}
        number = self.server.repositories[name].commit(files)
        place = f"{self.server.address}/{name}/commit/{number}"
        return self.answer(200, {"success": True, "commitOid": number, "commitUrl": place})

    def create(self, asked: dict[str, str]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        if name in self.server.repositories:
            return self.answer(409, {"url": f"{self.server.address}/{name}"})
        self.server.repositories[name] = Repository(private)
        return self.answer(200, {"url": f"{self.server.address}/{name}"})


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Let molflow ask the stand-in, or another address, with or without an account."""
    from huggingface_hub import HfApi

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "kept"))

    def asking(address: str = stand_in.address, account: bool = False) -> None:
        hub.fetch.cache_clear()
        token = ACCOUNT.removeprefix("Bearer ") if account else False
        api = HfApi(endpoint=address, token=token)
        monkeypatch.setattr(hub, "connection", lambda place: api)

    asking()
    yield asking
    hub.fetch.cache_clear()


@pytest.fixture
def model(fresh, perturbed, tiny_spec) -> Generator:
    """It was never trained, and makes valid and invalid molecules of up to four atoms."""
    return Generator(perturbed(fresh(tiny_spec()), seed=9, size=0.3), tiny_spec())


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def repository(stand_in: StandIn, model: Generator, tmp_path: Path) -> Repository:
    """The model as me/mine, with a file beside it that molflow has no use for."""
    model.save(tmp_path / "saved")
    stand_in.repositories["me/mine"] = Repository()
    extra = {"train.py": b"raise SystemExit", "weights.bin": b"pickle"}
    stand_in.repositories["me/mine"].commit({**files_of(tmp_path / "saved"), **extra})
    return stand_in.repositories["me/mine"]


@pytest.mark.usefixtures("repository")
def test_a_model_of_the_hub_makes_the_molecules_of_the_one_that_was_put_there(ask, model):
    there = molflow.load("hf:me/mine", device="cpu")
    assert there.sample(20, 3).smiles == model.sample(20, 3).smiles


@pytest.mark.usefixtures("repository")
def test_three_files_are_fetched_and_once(ask, stand_in):
    find_model("hf:me/mine")
    find_model("hf:me/mine")
    assert sorted(stand_in.fetched) == sorted(FILES)


def other_weights(repository: Repository, model: Generator, folder: Path, fresh) -> str:
    save_model(folder, fresh(model.spec), model.spec)
    return repository.commit(files_of(folder))


def first_weights(model: Generator) -> torch.Tensor:
    return next(iter(model.net.state_dict().values()))


@pytest.mark.parametrize("named", ["commit", "tag"])
def test_a_revision_stays_what_it_was(ask, repository, model, tmp_path, fresh, named):
    before = repository.names["main"]
    repository.names["v1"] = before
    after = other_weights(repository, model, tmp_path / "other", fresh)
    pinned = "v1" if named == "tag" else before
    assert find_model(f"hf:me/mine@{pinned}").name == before
    assert find_model("hf:me/mine").name == after
    old = molflow.load(f"hf:me/mine@{pinned}", device="cpu")
    assert torch.equal(first_weights(old), first_weights(model))


def test_a_process_keeps_the_revision_that_it_found_first(ask, repository, model, tmp_path, fresh):
    before = find_model("hf:me/mine")
    other_weights(repository, model, tmp_path / "other", fresh)
    assert find_model("hf:me/mine") == before


@pytest.mark.usefixtures("repository")
def test_what_was_fetched_serves_without_a_network(ask):
    before = find_model("hf:me/mine")
    ask("http://127.0.0.1:9")
    assert find_model("hf:me/mine") == before


def test_no_network_is_one_line(ask):
    ask("http://127.0.0.1:9")
    with pytest.raises(InputError) as error:
        molflow.load("hf:me/mine")
    told = "cannot reach http://127.0.0.1:9, and no copy is kept here"
    assert str(error.value) == f"checkpoint=hf:me/mine: {told}"


def test_a_wrong_name_is_one_line(ask, stand_in):
    with pytest.raises(
        InputError, match=r"^checkpoint=hf:me/other: no such repository at http"
    ) as e:
        find_model("hf:me/other")
    assert "\n" not in str(e.value)


def test_a_private_repository_is_one_line_without_an_account(ask, repository):
    repository.private = True
    with pytest.raises(InputError, match="or a private one: `hf auth login`"):
        find_model("hf:me/mine")
    ask(account=True)
    assert (find_model("hf:me/mine") / "model.safetensors").is_file()


@pytest.mark.usefixtures("repository")
def test_a_wrong_revision_is_one_line(ask):
    with pytest.raises(InputError, match=r"^checkpoint=hf:me/mine@v9: no such revision at http"):
        find_model("hf:me/mine@v9")


@pytest.mark.parametrize("config", [None, b'{"architectures": ["Other"]}', b"[]", b"{"])
def test_of_another_program_nothing_but_the_configuration_is_fetched(ask, stand_in, config):
    stand_in.repositories["me/llm"] = Repository()
    files = {} if config is None else {"config.json": config}
    stand_in.repositories["me/llm"].commit({"model.safetensors": b"large", **files})
    with pytest.raises(InputError, match=r"^checkpoint=hf:me/llm: no model of molflow there"):
        molflow.load("hf:me/llm")
    assert stand_in.fetched == list(files)


def test_weights_that_lack_are_named(ask, repository):
    del repository.commits[repository.names["main"]]["model.safetensors"]
    with pytest.raises(InputError, match=r"no model there, model.safetensors is missing"):
        find_model("hf:me/mine")


@pytest.mark.parametrize(
    "address", ["hf:", "hf:mine", "hf:me/mine/more", "hf:me/mine@", "hf:a b/c"]
)
def test_what_is_no_address_is_one_line(ask, address):
    with pytest.raises(InputError, match="hf:owner/name or hf:owner/name@revision is needed"):
        find_model(address)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(InputError, match="huggingface_hub is needed, pip install huggingface_hub"):
        hub.fetch("hf:me/never-asked")


@pytest.mark.usefixtures("undrawn")
def test_the_command_line_samples_from_a_hub(ask, repository, tmp_path):
    out = tmp_path / "samples"
    sample.main(["checkpoint=hf:me/mine", "n=5", "steps=1", "report=false", f"out={out}"])
    record = json.loads((out / "run.json").read_text())
    assert Path(record["checkpoint"]["path"]).name == repository.names["main"]


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn", "repository")
def test_the_command_line_fine_tunes_a_model_of_a_hub(ask, molecule_file, tmp_path):
    data = molecule_file(tmp_path / "mine.csv", ["CCO", "CCN", "CNC", "COC", "CC", "CO"])
    given = ["dataset=smiles_file", f"dataset.path={data.path}", f"dataset.cache={data.cache}"]
    given = [*given, "dataset.order=random"]
    trainer = ["trainer.steps=2", "trainer.trial_molecules=0", "trainer.devices=1"]
    train.main(["checkpoint=hf:me/mine", *given, *trainer, f"out={tmp_path / 'run'}"])
    assert read_spec(tmp_path / "run").parent["checkpoint"] == "hf:me/mine"


@pytest.mark.parametrize("program", [sample, train, evaluate, optimize, check])
def test_every_program_that_takes_a_model_asks_the_hub(ask, program, tmp_path):
    given = ["task=qed"] if program is optimize else []
    with pytest.raises(InputError, match="checkpoint=hf:me/other: no such repository"):
        program.main(["checkpoint=hf:me/other", f"out={tmp_path / 'out'}", *given])


def test_what_is_pushed_comes_back(ask, stand_in, model):
    ask(account=True)
    address = model.push_to_hub("me/new", license="cc-by-4.0", n=20, steps=2, private=True)
    repository = stand_in.repositories["me/new"]
    assert address == f"hf:me/new@{repository.names['main']}"
    assert set(repository.commits[repository.names["main"]]) == FILES
    assert repository.private
    back = molflow.load(address, device="cpu")
    assert back.sample(20, 3).smiles == model.sample(20, 3).smiles


def test_a_push_to_what_is_there_is_another_commit(ask, repository, model):
    ask(account=True)
    before = repository.names["main"]
    model.push_to_hub("me/mine", n=0)
    assert repository.names["main"] != before
    assert "weights.bin" in repository.commits[repository.names["main"]]


def test_no_folder_of_this_machine_is_pushed(ask, model):
    ask(account=True)
    data = {"name": "smiles_file", "path": "/home/me/secret/mine.csv", "cache": "/home/me/kept"}
    parent = {"checkpoint": "/home/me/runs/parent", "replay": 0.0}
    spec = replace(model.spec, dataset=data, parent=parent)
    folder = find_model(replace(model, spec=spec).push_to_hub("me/own", n=0))
    assert not [path for path in folder.iterdir() if b"/home/me" in path.read_bytes()]
    assert read_spec(folder).dataset == {"name": "smiles_file", "path": "mine.csv"}
    assert read_spec(folder).parent == {"checkpoint": "parent", "replay": 0.0}


def test_a_push_without_an_account_is_one_line(ask, stand_in, model):
    with pytest.raises(InputError, match=r"^repository=me/new: http.*does not allow it: `hf auth"):
        model.push_to_hub("me/new", n=0)
    assert stand_in.repositories == {}


def test_a_push_without_a_network_is_one_line(ask, model):
    ask("http://127.0.0.1:9", account=True)
    with pytest.raises(InputError, match=r"^repository=me/new: http://127.0.0.1:9: .+$"):
        model.push_to_hub("me/new", n=0)


@pytest.mark.parametrize("name", ["mine", "hf:me/mine", "me/mine@v1", "me/mine/x", ""])
def test_a_push_to_what_is_no_name_is_one_line(ask, model, name):
    with pytest.raises(InputError, match="owner/name is needed"):
        model.push_to_hub(name)
