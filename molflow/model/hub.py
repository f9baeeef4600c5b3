"""Models on a hub: fetched by an address such as "hf:owner/name@revision", and pushed.

Three files are fetched and none is executed. ``huggingface_hub`` keeps them in its own cache.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from molflow import __version__
from molflow.errors import InputError
from molflow.files import CARD, CONFIG, WEIGHTS

if TYPE_CHECKING:
    from huggingface_hub import HfApi

HUB = "hf:"
"""An address begins so."""
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
FILES = [WEIGHTS, CONFIG, CARD]
LOGIN = "`hf auth login` with a token of an account that may"


@cache
def fetch(address: str) -> Path:
    """The folder that a model of the hub was copied to. A process asks once for each address.

    The configuration comes first, so that a repository of another kind costs no more than that.
    Without a network it is the copy that is kept here.

    Args:
        address: "hf:owner/name", or "hf:owner/name@revision" with a branch, a tag or a commit.

    Raises:
        InputError: the address is none, or the hub cannot be reached, or it has no such model.
    """
    place = f"checkpoint={address}"
    repository, _, revision = address.removeprefix(HUB).partition("@")
    if not REPOSITORY.fullmatch(repository) or address.endswith("@"):
        raise InputError(f"{place}: {HUB}owner/name or {HUB}owner/name@revision is needed")
    asked, api = revision or None, connection(place)
    with _told(place, api.endpoint):
        found = api.snapshot_download(repository, revision=asked, allow_patterns=[CONFIG])
    folder = Path(found)
    _require_molflow(place, folder / CONFIG)
    with _told(place, api.endpoint):
        api.snapshot_download(repository, revision=folder.name, allow_patterns=FILES)
    return folder


def push(folder: Path, repository: str, private: bool) -> str:
    """Commit the three files of a model to the hub.

    Args:
        folder: of the files.
        repository: "owner/name"; it is made where it lacks.
        private: whether a new repository is.

    Returns:
        The address of that commit, for ``fetch``.

    Raises:
        InputError: the hub cannot be reached, or does not take them.
    """
    place = f"repository={repository}"
    api = connection(place)
    with _told(place, api.endpoint):
        api.create_repo(repository, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=FILES,
            commit_message="Add a model of molflow",
        )
    return f"{HUB}{repository}@{done.oid}"


def require_repository(repository: str) -> None:
    """InputError where it is not "owner/name"."""
    if not REPOSITORY.fullmatch(repository):
        raise InputError(f"repository={repository!r}: owner/name is needed")


def connection(place: str) -> HfApi:
    """The client of the hub, which HF_ENDPOINT, HF_HOME and HF_TOKEN concern.

    Raises:
        InputError: ``huggingface_hub`` is not installed; the line begins with ``place``.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError:
        needed = "huggingface_hub is needed, pip install huggingface_hub"
        raise InputError(f"{place}: {needed}") from None
    return HfApi(library_name="molflow", library_version=__version__)


def _require_molflow(place: str, config: Path) -> None:
    """InputError where the file is not there, or is the configuration of something else."""
    try:
        plain = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict) or not {"format", "vocabulary"} <= plain.keys():
        raise InputError(f"{place}: no model of molflow there, its {CONFIG} is missing or another")


@contextmanager
def _told(place: str, endpoint: str) -> Iterator[None]:
    """Errors of the hub become one line each, which begins with ``place``."""
    from huggingface_hub import errors
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    told = {
        errors.GatedRepoError: f"its owner grants access at {endpoint}; then {LOGIN} read it",
        errors.RepositoryNotFoundError: (
            f"no such repository at {endpoint}, or a private one: {LOGIN} read it"
        ),
        errors.RevisionNotFoundError: f"no such revision at {endpoint}",
        errors.LocalEntryNotFoundError: f"cannot reach {endpoint}, and no copy is kept here",
    }
    try:
        yield
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        reason = next((text for kind, text in told.items() if isinstance(error, kind)), None)
        status = getattr(getattr(error, "response", None), "status_code", None)
        if reason is None and status in (401, 403):
            reason = f"{endpoint} does not allow it: {LOGIN} write there"
        if reason is None:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            reason = f"{endpoint}: {first}"
        raise InputError(f"{place}: {reason}") from None
