"""How counts and sizes are written."""

import pytest

from minivit.text import binary, decimal


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "-"), (999, "999"), (1000, "1.0 k"), (365_107_584, "365.1 M"), (2.5e9, "2.5 G")],
)
def test_decimal(number, text):
    assert decimal(number) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "-"), (80, "80 B"), (1536, "1.5 KiB"), (1000 * 1024, "1.0 MiB"), (5 * 2**30, "5.0 GiB")],
)
def test_binary(size, text):
    assert binary(size) == text
