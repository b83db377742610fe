"""Commands write over what they wrote before, and never over anything else."""

import numpy as np
import pytest

from minivit.errors import RunError
from minivit.storage.own_files import refuse_others


@pytest.mark.parametrize("content", [b"", b"\x89PNG Software minivit", b"file,class_1\n"])
def test_what_minivit_wrote_may_be_written_again(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    refuse_others(tmp_path / "a", mark=b"minivit", start=b"file,class_1")
    refuse_others(tmp_path / "none", mark=b"minivit")
    refuse_others(tmp_path, mark=b"minivit")  # a directory: writing says what is wrong


@pytest.mark.parametrize("content", [b"\x89PNG Matplotlib", b"my,table\n"])
def test_what_is_the_users_is_not(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(RunError, match=r"a is there already, and minivit did not write it"):
        refuse_others(tmp_path / "a", mark=b"minivit", start=b"file,class_1")


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_a_figure_is_drawn_again_and_never_over_another_picture(tmp_path, form):
    pytest.importorskip("matplotlib", exc_type=ImportError)
    from minivit.figures.drawing import Drawing, canvas, save

    drawing = Drawing("curves", canvas(1, 1), "")
    (path,) = save(drawing, tmp_path, (form,))
    content = path.read_bytes()
    assert save(drawing, tmp_path, (form,)) == [path] and path.read_bytes() == content
    path.write_bytes(np.arange(9).tobytes())
    with pytest.raises(RunError, match="minivit did not write it"):
        save(drawing, tmp_path, (form,))
    assert path.read_bytes() == np.arange(9).tobytes()
