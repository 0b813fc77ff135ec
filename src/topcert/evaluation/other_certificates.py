"""Which certificates a folder already holds."""

from __future__ import annotations

from topcert.methods.ablation import METHOD
from topcert.methods.certificate_table import CertificateTable
from topcert.voting.ledger import Ledger


def has_other_certificates(ledger: Ledger, method: str = METHOD.name) -> bool:
    """Whether the folder has certificates of this run that somebody asked `certify` for: others
    than `predict` makes by that method.
    """
    path = ledger.folder / "certificates.parquet"
    if not path.exists():
        return False
    try:
        stored, metadata = CertificateTable.read(path)
    except ValueError:  # damaged: they are made again
        return False
    own = (method, "predicted", None)
    return metadata.get("manifest") == ledger.manifest.digest() and own != (
        stored.method,
        stored.label_choice,
        stored.bounds,
    )
