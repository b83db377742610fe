"""A progress bar for commands: on a terminal, where the work takes over two seconds."""

import os
import sys
from contextlib import contextmanager

from ..errors import BackendError

DELAY = 2  # seconds before the bar is shown


def require_tqdm():
    """Raise BackendError without tqdm: now, not when a download or a progress bar needs it."""
    try:
        import tqdm  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in (None, "tqdm"):
            raise BackendError(f"tqdm, for progress bars, cannot be imported: {error}") from None
        raise BackendError("progress bars need tqdm: pip install tqdm") from None
    except Exception as error:  # it reads its settings from the environment when it is imported
        names = " ".join(name for name in os.environ if name.startswith("TQDM_"))
        advice = f"unset {names}" if names else "pip install -U tqdm"
        raise BackendError(f"tqdm, for progress bars, fails ({error}): {advice}") from None


class Progress:
    """A tqdm bar on stderr over `total` units; a context manager. Raises BackendError without tqdm.

    `print` writes a line above the bar; while there is a bar, nothing else may print. Where tqdm
    fails at drawing, as by a setting TQDM_..., the work goes on without a bar.
    """

    def __init__(self, total: int, unit: str):
        require_tqdm()
        self.bar = None
        if sys.stderr is not None and sys.stderr.isatty():
            with self._drawing():
                self.bar = self._bar(total, unit)

    def _bar(self, total, unit):
        from tqdm import tqdm

        return tqdm(
            total=total, unit=unit, delay=DELAY, leave=False, dynamic_ncols=True, file=sys.stderr
        )

    @contextmanager
    def _drawing(self):
        """Around all that tqdm does."""
        try:
            yield
        except Exception as error:
            self.bar = None
            print(
                f"no progress bar: tqdm failed ({type(error).__name__}: {error})", file=sys.stderr
            )

    def update(self, count: int = 1) -> None:
        """`count` units more are done."""
        if self.bar is not None:
            with self._drawing():
                self.bar.update(count)

    def print(self, text: str, stream) -> None:
        """Write a line to `stream`, sys.stdout or sys.stderr."""
        if self.bar is not None:
            with self._drawing():
                self.bar.clear()
        print(text, file=stream, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.bar is not None:
            with self._drawing():
                self.bar.close()
