"""The run that a manifest records, asked for again with a model that the auditor names."""

from __future__ import annotations

from topcert.classifiers.torch_options import TorchOptions
from topcert.datasets.data_in_memory import IN_MEMORY
from topcert.datasets.reading import Reading
from topcert.theory.stopping_rules import Stopping
from topcert.voting.manifest import FIXED, Manifest
from topcert.voting.request import Request


def recorded_request(manifest: Manifest, *, model: str, data: str | None) -> Request:
    """The request whose votes the manifest is about; of `data` where the auditor names his own.

    Raises ValueError where this release does not draw such noise.
    """
    if data is None and manifest.data.endswith(IN_MEMORY):
        raise ValueError(
            f"the inputs were {manifest.data}: name them with --data (an .npz file that holds x"
            " and y), or give them as data= in Python"
        )
    manifest.noise.check_stream()
    options = manifest.torch_options
    return Request(
        data=manifest.data if data is None else data,
        model=model,
        noise=manifest.noise,
        num_selection=manifest.num_selection,
        num_samples=manifest.num_samples,
        seed=manifest.seed,
        unit=manifest.unit,
        reading=Reading.from_json(manifest.data_options),
        unmatched="keep",
        num_classes=manifest.num_classes,
        num_named=manifest.depth,
        output=manifest.output,
        torch_options=None if options is None else TorchOptions.read(options),
        batch_size=manifest.batch_size,
        threads=manifest.threads,
        refuse_labels=False,  # a run of predict has them counted
        stopping=None if manifest.stopping == FIXED else Stopping.read(manifest.stopping),
    )
