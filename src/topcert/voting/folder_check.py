"""Whether the folder of a finished run holds what such a run writes, and nothing else."""

from __future__ import annotations

from topcert.voting.checks import CHECKS
from topcert.voting.ledger import Ledger
from topcert.voting.ledger_folder import refuse_other_files


def check_files(ledger: Ledger) -> None:
    """Raises ValueError where its folder holds what a finished run does not, or votes are missing
    or damaged.
    """
    ledger.complete()
    ledger.check_blocks()
    refuse_other_files(ledger.folder, ledger.block_names() | {ledger.inputs_path.name, CHECKS.name})
