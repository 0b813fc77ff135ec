"""Errors of the paper's experiments as Python says them: arguments in the place of options."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from topcert.api.python_words import python_words

ARGUMENTS: Final = {
    "--budget": "budget",
    "--from-counts": "from_counts",
    "--imagenet-dir": "images",
    "--imagenet-encoding": "encoding",
    "--imagenet-model": "model",
    "--masks": "num_masks",
    "--max-samples": "max_samples",
    "--measure": "measures",
    "--model": "models",
    "--rehearse": "rehearse",
}


def paper_words() -> AbstractContextManager[None]:
    """Within it, a ValueError says what Python calls things."""
    return python_words(ARGUMENTS)
