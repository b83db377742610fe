"""Runs that meet a full disk, and go on where there is room again, until they are complete.

A limit on the size of files stands for the disk. Each run has to end as one that had room.
"""

import shutil

from minivit.__main__ import main as minivit

from . import process
from .kills import left, sound, whole, words

WITH_ROOM = 0.3  # of the processes


def begin(place):
    """Prepare a turn -> a function that makes one attack, given a `random.Random`."""
    wanted, _ = whole(place)
    most = 2 * (place / "whole" / "last.npz").stat().st_size
    struck = place / "struck"

    def attack(chance):
        limit = None if chance.random() < WITH_ROOM else chance.randrange(1, most)
        end = process.forked(minivit, words(struck, chance.choice((1, 2))), most_bytes=limit)
        end.checked(f"a limit of {limit} bytes a file")
        sound(struck)
        if end.status == 0:
            if left(struck) != wanted:
                raise AssertionError("after full disks the run ended with other bits")
            shutil.rmtree(struck)
            return "equal"
        if end.status != 1 or limit is None:
            raise AssertionError(f"limit {limit}: status {end.status}: {end.err!r}")
        return "sentence"

    return attack
