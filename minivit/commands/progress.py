"""A progress bar for commands: on a terminal, where the work takes over two seconds."""

import sys

from ..errors import BackendError

DELAY = 2  # seconds before the bar is shown


class Progress:
    """A tqdm bar on stderr over `total` units; a context manager. Raises BackendError without tqdm.

    `print` writes a line above the bar; while there is a bar, nothing else may print.
    """

    def __init__(self, total: int, unit: str):
        try:
            from tqdm import tqdm
        except ImportError:
            raise BackendError("progress bars need tqdm: pip install tqdm") from None
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self.bar = tqdm(
            total=total, unit=unit, delay=DELAY, disable=not on_terminal, leave=False,
            dynamic_ncols=True, file=sys.stderr,
        )  # fmt: skip

    def update(self, count: int = 1) -> None:
        """`count` units more are done."""
        self.bar.update(count)

    def print(self, text: str, stream) -> None:
        """Write a line to `stream`, sys.stdout or sys.stderr."""
        with self.bar.external_write_mode(file=stream):
            print(text, file=stream, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.bar.close()
