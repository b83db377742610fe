"""How every command ends: its exit status, and errors as one line on stderr.

Exit status: 0 success, 1 an error, 2 wrong usage, 130 interrupted (143 terminated), 141 the reader
of the output pipe has closed it. An error that is a bug in minivit keeps its traceback;
MINIVIT_DEBUG=1 in the environment shows the traceback of every error.
"""

import io
import os
import signal
import sys
from contextlib import suppress

from ..errors import ConfigError, MinivitError


def run(main, argv=None):
    """Call main(argv) -> exit status. Errors become one line. argv: sys.argv[1:] if None."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as train.py sets it while modules load
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # print characters it cannot encode as \x..
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            status = main(sys.argv[1:] if argv is None else argv)
        except SystemExit as stop:  # argparse has printed help, or has refused an option
            status = stop.code
        if sys.stdout:  # None if it was closed before the program started
            sys.stdout.flush()  # so that a closed pipe raises here, not at interpreter exit
        return status or 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt as stop:
        return _end(str(stop) or "interrupted", getattr(stop, "status", 130))
    except ConfigError as error:
        return _end(f"error: {error}", 2)
    except MinivitError as error:
        return _end(f"error: {error}", 1)
    except MemoryError as error:
        return _end(f"error: {_out_of_memory(error)}", 1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _end(f"error: {place}{error.strerror or error}", 1)
    except Exception as error:
        if not _from_cupy(error):  # a bug in minivit: keep its traceback
            raise
        advice = "try a lower --batch-size; `nvidia-smi` shows what else runs there"
        return _end(f"error: the GPU failed ({type(error).__name__}: {error}); {advice}", 1)


def _from_cupy(error):
    """Whether CuPy, or a CUDA library below it, raised the error."""
    return type(error).__module__.partition(".")[0] in ("cupy", "cupy_backends", "cupyx")


def _out_of_memory(error):
    """The sentence for a MemoryError, NumPy's or CuPy's."""
    place = " on the GPU" if _from_cupy(error) else ""
    reason = str(error).removeprefix("Out of memory ").rstrip(".")
    reason = f" {reason};" if reason else ""
    return f"out of memory{place}:{reason} try smaller sizes, a lower --batch-size or --micro-batch"


def _end(sentence, status):
    """Print one line on stderr -> status. Call it only while an exception is being handled."""
    if os.environ.get("MINIVIT_DEBUG") == "1":
        raise
    if notes := getattr(sys.exception(), "__notes__", ()):  # such as: how to go on with the run
        sentence = ". ".join([sentence.rstrip("."), *notes])
    with suppress(OSError):  # the terminal may be closed
        print(" ".join(sentence.splitlines()), file=sys.stderr, flush=True)
    return status
