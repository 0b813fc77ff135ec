"""The run that a manifest records, asked for again with a model that the auditor names."""

from __future__ import annotations

from typing import get_args

from topcert.datasets.held import IN_MEMORY
from topcert.datasets.reading import Reading
from topcert.theory.stopping import Stopping
from topcert.voting.manifest import FIXED, IID, Manifest
from topcert.voting.request import OLDER, Noise, Request, algorithm_of


def recorded_request(manifest: Manifest, *, model: str, data: str | None) -> Request:
    """The request whose votes the manifest is about; of `data` where the auditor names his own.

    Raises ValueError where this release does not draw such noise.
    """
    if data is None and manifest.data.endswith(IN_MEMORY):
        raise ValueError(
            f"the inputs were {manifest.data}: name them with --data (an .npz file that holds x"
            " and y), or give them as data= in Python"
        )
    noise = next(noise for noise in get_args(Noise) if noise == manifest.noise)
    ours = algorithm_of(noise, manifest.law)
    older = manifest.algorithm if noise == "gaussian" and manifest.algorithm in OLDER else None
    if manifest.algorithm != ours and older is None:
        raise ValueError(
            f"the manifest names the algorithm {manifest.algorithm}; this release has {ours}"
        )
    return Request(
        data=manifest.data if data is None else data,
        model=model,
        noise=noise,
        num_kept=manifest.num_kept,
        sigma=manifest.sigma,
        keep_probability=manifest.keep_probability,
        design=None if manifest.law == IID else manifest.law,
        num_selection=manifest.num_selection,
        num_samples=manifest.num_samples,
        seed=manifest.seed,
        encoding=manifest.encoding,
        fill=float(manifest.fill) if isinstance(manifest.fill, (int, float)) else None,
        unit=manifest.unit,
        reading=Reading.from_json(manifest.data_options),
        doubtful="keep",
        num_classes=manifest.num_classes,
        num_named=manifest.depth,
        output=manifest.output,
        batch_size=manifest.batch_size,
        refuse_labels=False,  # a run of predict has them counted
        stopping=None if manifest.stopping == FIXED else Stopping.read(manifest.stopping),
        algorithm=older,
    )
