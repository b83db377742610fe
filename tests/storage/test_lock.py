"""The lock on a run's directory."""

import os

import pytest

from minivit.errors import RunError
from minivit.storage.lock import locked


@pytest.mark.skipif(os.name == "nt", reason="directories cannot be locked there")
def test_only_one_process_at_a_time(tmp_path):
    with locked(tmp_path / "run"):
        with pytest.raises(RunError, match=r"another process is training in .*run: let it end"):
            with locked(tmp_path / "run"):
                pass
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()  # nothing was written to it
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/notes.txt").write_text("")
    for _ in range(2):
        with locked(tmp_path / "kept"):
            pass
    assert (tmp_path / "kept/notes.txt").exists()
