"""A run's directory as the other ranks see it: rank 0 alone writes."""

import contextlib

from .directory import RunDirectory


class OthersDirectory(RunDirectory):
    """The directory of a run that another process writes. Its methods write nothing.

    Its path is "" until `follow` says where it is.
    """

    ours = False

    def __init__(self, path=""):
        super().__init__(path)

    def follow(self, path):
        """From now on it is at `path`."""
        program = self.program
        super().__init__(path)
        self.program = program

    @contextlib.contextmanager
    def claimed(self):
        """Rank 0 has claimed it."""
        yield self

    def tidy(self):
        """Nothing: as all methods below."""

    def write_config(self, values):
        """Nothing."""

    def append(self, entry):
        """Nothing."""

    def write_rows(self, rows):
        """Nothing."""

    def result(self):
        """None: rank 0 alone looks whether there is one."""
