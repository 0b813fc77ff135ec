"""Tables for people who use pandas, which is needed only where one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def to_frame(columns: Mapping[str, Any]) -> Any:
    """A pandas DataFrame. Raises ImportError, saying what to do, where there is no pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_pandas() needs pandas, which topcert does without: pip install pandas"
        ) from error
    return pd.DataFrame(dict(columns))
