"""A run with its data and model loaded and every choice made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier
from topcert.datasets.dataset import Dataset
from topcert.modalities.input_form import Form
from topcert.noise.law import Noise
from topcert.randomization.designs import Design
from topcert.version import __version__
from topcert.voting.manifest import FIXED, Manifest
from topcert.voting.named_files import absolute_if_file
from topcert.voting.request import Request
from topcert.voting.sampling import batches_per_block
from topcert.voting.voter import Voter, work_factor


@final
@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A request with its data and model loaded and every choice made; its noise is fitted to the
    form of the data's inputs.
    """

    request: Request
    dataset: Dataset
    form: Form
    classifier: Classifier
    cells_per_input: int
    batch_size: int

    def voter(
        self,
        *,
        batch_size: int | None = None,
        seed: int | None = None,
        num_votes: int | None = None,
        read: Callable[[int], NDArray[np.floating]] | None = None,
    ) -> Voter:
        """Computes the votes of this run, or those in another batch size, under another seed or
        number of draws; `read` gives its inputs in another way.
        """
        request = self.request
        randomizer = request.noise.randomizer(
            self.form,
            seed=request.seed if seed is None else seed,
            num_samples=request.num_samples,
            num_votes=(
                request.num_selection + request.num_samples if num_votes is None else num_votes
            ),
            batch_size=self.batch_size if batch_size is None else batch_size,
        )
        return Voter(
            read=self.dataset.read if read is None else read,
            randomizer=randomizer,
            classifier=self.classifier,
            num_inputs=len(self.dataset),
            in_words=self.dataset.in_words,
        )

    @property
    def noise(self) -> Noise:
        """The law of the votes, with every choice made."""
        return self.request.noise

    @property
    def unit(self) -> str:
        """What one feature is."""
        return self.form.unit

    @property
    def num_features(self) -> int:
        """How many of them an input has."""
        return self.form.num_features

    @property
    def design(self) -> Design | None:
        """The design whose masks are the classifier, or None."""
        request = self.request
        return request.noise.design_of(
            self.form, seed=request.seed, num_samples=request.num_samples
        )

    def manifest(self, fingerprint: str) -> Manifest:
        """The manifest of this run on data of that fingerprint."""
        request, options = self.request, self.classifier.torch_options
        return Manifest(
            topcert_version=__version__,
            data=absolute_if_file(request.data) if request.data_in_memory is None else request.data,
            data_options=request.reading.to_json(),
            data_fingerprint=fingerprint,
            input_shape=self.dataset.shape,
            num_inputs=len(self.dataset),
            model=absolute_if_file(request.model)
            if request.model_in_memory is None
            else request.model,
            model_fingerprint=self.classifier.fingerprint,
            num_classes=self.classifier.num_classes,
            output=request.output,
            num_named=None if request.num_named == 1 else request.num_named,
            torch_options=None if options is None else options.to_text(),
            runtime=self.classifier.runtime,
            threads=request.threads,
            noise=request.noise,
            stopping=FIXED if request.stopping is None else request.stopping.to_text(),
            seed=request.seed,
            num_selection=request.num_selection,
            num_samples=request.num_samples,
            num_features=self.num_features,
            unit=self.unit,
            batch_size=self.batch_size,
            batches_per_block=batches_per_block(
                batch_size=self.batch_size,
                cells_per_input=self.cells_per_input,
                total_votes=len(self.dataset) * (request.num_selection + request.num_samples),
                factor=work_factor(self.classifier),
            ),
        )
