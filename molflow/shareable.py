"""A model that is saved and pushed to a hub, with a card that has the numbers of its samples."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from molflow.config.key import expanded
from molflow.model.hub import HUB, push, require_repository
from molflow.model.model import Model
from molflow.model.release import Measured, published, release, require_license
from molflow.samples import Samples
from molflow.sampling.walk import Route


class Shareable(Model):
    """A model that samples, and can thus be measured for its card."""

    @abstractmethod
    def sample(self, n: int, steps: int | Route | None = None) -> Samples:
        """``n`` molecules or texts in ``steps`` steps each."""

    def save(
        self,
        folder: str | Path,
        license: str | None = None,
        n: int = 0,
        steps: int | Route | None = None,
    ) -> None:
        """Write weights, configuration and a model card into a folder, for ``molflow.load``.

        Args:
            folder: made where it lacks; a model there is replaced, its card too.
            license: of the weights, such as "cc-by-4.0", for the card.
            n: samples for the numbers of the card; 0 leaves them out.
            steps: of these, as in ``sample``.

        Raises:
            InputError: an argument is out of its range, the folder holds a run or cannot be
                written, or the network is of your own.
        """
        require_license(license)
        path = Path(expanded(str(folder), "folder")).absolute()
        release(self, path, path.name, license, self._measured(n, steps))

    def push_to_hub(
        self,
        repository: str,
        license: str | None = None,
        n: int = 1000,
        steps: int | Route | None = None,
        private: bool = False,
    ) -> str:
        """Save the model to a hub, with a card that has the numbers of ``n`` samples.

        No folder of this machine is told; files are told by their names.

        Args:
            repository: "owner/name", made where it lacks.
            license: of the weights, such as "cc-by-4.0", for the card.
            n: samples for the numbers of the card; 0 leaves them out.
            steps: of these, as in ``sample``.
            private: whether a new repository is.

        Returns:
            The address for ``molflow.load``, pinned to this commit.

        Raises:
            InputError: an argument is out of its range, the network is of your own, or the hub
                cannot be reached or does not take the model.
        """
        require_repository(repository)
        require_license(license)
        measured = self._measured(n, steps)
        with TemporaryDirectory() as folder:
            told = replace(self, spec=published(self.spec))
            release(told, Path(folder), HUB + repository, license, measured)
            return push(Path(folder), repository, private)

    def _measured(self, n: int, steps: int | Route | None) -> Measured | None:
        """The numbers of ``n`` samples, None without any."""
        if n == 0:
            return None
        samples = self.sample(n, steps)
        caption = f"{n:,} {self.spec.modality.things}, seed 0, {samples.walk}"
        return Measured(caption, samples.metrics())
