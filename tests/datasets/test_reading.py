"""How data is read: the folder may be text, as people write it."""

from __future__ import annotations

from pathlib import Path

from topcert.datasets.reading import Reading


def test_a_folder_may_be_text(tmp_path: Path) -> None:
    as_text = Reading(data_dir=str(tmp_path))  # type: ignore[arg-type]
    assert as_text == Reading(data_dir=tmp_path)
    assert as_text.to_json()["data_dir"] == str(tmp_path)
