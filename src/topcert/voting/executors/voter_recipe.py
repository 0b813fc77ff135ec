"""How a worker elsewhere makes a voter that computes the votes of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from topcert.voting.prepare import prepare
from topcert.voting.request import Request
from topcert.voting.voter import Voter


@final
@dataclass(frozen=True, kw_only=True)
class VoterRecipe:
    """The request of a run with every choice made, and what its data and model must be.

    It can be pickled where what the request holds can: names of data and models always, a model or
    data in memory if it can itself.
    """

    request: Request
    batch_size: int
    num_classes: int
    model_fingerprint: str
    runtime: str
    input_hashes: tuple[str, ...]

    def make(self) -> Voter:
        """Load data and model, and make the voter.

        Returns
        -------
        Voter
            Gives the votes that the run's own voter gives. Each input is compared with that of the
            run when it is read.

        Raises
        ------
        ValueError
            Where the model, its runtime or an input is another one than that of the run.
        """
        prepared = prepare(self.request, recorded_batch_size=self.batch_size)
        classifier, dataset = prepared.classifier, prepared.dataset
        for name, found, wanted in (
            ("model", classifier.fingerprint, self.model_fingerprint),
            ("runtime", classifier.runtime, self.runtime),
            ("number of classes", classifier.num_classes, self.num_classes),
            ("batch size", prepared.batch_size, self.batch_size),
            ("number of inputs", len(dataset), len(self.input_hashes)),
        ):
            if found != wanted:
                raise ValueError(
                    f"a worker has another {name} than the run: {found}, not {wanted}; give all"
                    " workers the same files, libraries and kind of processor"
                )

        return prepared.voter(
            read=dataset.reader(self.input_hashes, reads="a worker reads another")
        )
