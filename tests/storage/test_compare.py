"""Differences between what a checkpoint holds and what is asked for."""

from minivit.storage.compare import differences


def test_differences_are_readable():
    saved = {"model": {"depth": 6, "sizes": [1, 2], "pool": "mean"}, "lr": 1e-3, "old": 1}
    wanted = {"model": {"depth": 12, "sizes": (1, 2), "pool": "class"}, "lr": 1e-3, "new": None}
    assert differences(saved, wanted) == [
        "model.depth: checkpoint 6, asked 12",
        "model.pool: checkpoint 'mean', asked 'class'",
        "new: not in the checkpoint, asked None",
        "old: checkpoint 1, not asked for",
    ]
    assert differences(saved, saved) == []
