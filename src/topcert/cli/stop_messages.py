"""`certify --stop`: what goes with it, and what is said of it."""

from __future__ import annotations

from typing import Final

from topcert.cli.progress import console
from topcert.evaluation.accuracy import floored
from topcert.methods.certificate_table import CertificateTable
from topcert.voting.manifest import Manifest

SAMPLES: Final = 10_000
MAX_SAMPLES: Final = 100_000


def print_stopping(certificates: CertificateTable, manifest: Manifest) -> None:
    """What a stopping rule saved, and left open; nothing without one."""
    if certificates.votes is None or certificates.settled is None:
        return
    inputs, settled = len(certificates.votes), int(certificates.settled.sum())
    spent, full = (
        int(certificates.votes.sum()) + inputs * manifest.num_selection,
        inputs * manifest.num_votes,
    )
    first = f" ({manifest.num_selection} select its label)" if manifest.num_selection else ""
    console.print(
        f"{floored(spent, inputs, 1)} votes an input on average{first}, {floored(full, spent, 1)}"
        f" times fewer than {manifest.num_votes} for all. Settled: {settled} of {inputs}; for"
        f" {inputs - settled} the proven radius stands, and more votes might prove more. What is"
        " proven is wrong with probability at most alpha however long it sampled.",
        highlight=False,
    )
