"""Measure what a figure needs: the votes of one e, counted after n/100, n/10 and all n of them.

OUT/networks/ablation-E/                        as of Table 1: what comes from there is taken
OUT/runs/ablation-E/                            as it is, networks and votes
OUT/networks/imagenet-ablation-E/resnet50.onnx  a person's own; none is trained here
OUT/runs/imagenet-ablation-E/
OUT/counts/                                     the records that redraw the figures
OUT/rehearsal/                                  the same of untrained networks
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from topcert.datasets.reading import Reading
from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.voting.ledger import Ledger
from topcert.voting.request import Request
from topcert_paper.collecting import count_setting, request_for
from topcert_paper.figures import setting_of
from topcert_paper.prefixes import PrefixCounts, prefix_sizes
from topcert_paper.tables import NUM_SELECTION


def count_prefixes(
    request: Request, folder: Path, *, on_progress: Callable[[int, int, str], None]
) -> PrefixCounts:
    """The votes of a request on labelled inputs, collected in `folder` or gone on with there.

    Raises ValueError as `count_setting` does.
    """
    counted = count_setting(request, folder, on_progress=on_progress)
    origin, ledger = counted.origin, Ledger.open(folder)
    *fewer, _ = prefix_sizes(origin.num_samples)
    encoding = of_law(request.noise, Ablation).encoding
    if encoding is not None:
        origin = replace(origin, network=f"{origin.network} ({encoding})")
    return PrefixCounts(
        counts={
            **{size: ledger.counts(first=size) for size in fewer},
            origin.num_samples: counted.counts,
        },
        labels=counted.labels,
        origin=origin,
    )


def cifar10_request(
    num_kept: int, network: Path, *, data_dir: Path | None, num_samples: int, device: str
) -> Request:
    """The votes that Table 1 has too."""
    return request_for(
        setting_of(num_kept),
        network,
        data="cifar10",
        reading=Reading(data_dir=data_dir),
        num_samples=num_samples,
        num_selection=NUM_SELECTION,
        device=device,
    )


def imagenet_request(
    num_kept: int,
    model: str,
    *,
    images: Path,
    encoding: str | None,
    num_samples: int,
    limit: int,
    device: str,
) -> Request:
    """The votes of a model on at most `limit` validation images, spread over those that the folder
    `images` holds.
    """
    return Request(
        data="imagenet",
        reading=Reading(data_dir=images, limit=limit),
        model=model,
        noise=Ablation(num_kept=num_kept, encoding=encoding),
        # a rehearsal with few votes needs no more before them
        num_selection=min(NUM_SELECTION, num_samples),
        num_samples=num_samples,
        device=device,
    )
