"""How every command line of the project ends: its exit status, and one line for what went wrong.

Exit status: 0 done, 1 a failure that is understood (one line on stderr says which), 2 wrong usage,
130 interrupted, 141 when the reader of a pipe has gone. Only a mistake of the program itself shows
a traceback; MINIVIT_DEBUG=1 in the environment shows it for the others too.
"""

import io
import os
import sys
from contextlib import suppress

from ..errors import ConfigError, MinivitError


def run(main, argv=None):
    """Call main(argv), `argv` being sys.argv[1:] if None -> exit status. Errors become one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that cannot be printed is spelt out
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            status = main(sys.argv[1:] if argv is None else argv)
        except SystemExit as stop:  # argparse: help was printed, or an option refused
            status = stop.code
        if sys.stdout:  # None if it was closed before we began
            sys.stdout.flush()  # a reader that has gone shows here, not at interpreter exit
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
        if not _from_cupy(error):  # a mistake of ours: its traceback is what helps
            raise
        advice = "try a lower --batch-size; `nvidia-smi` shows what else runs there"
        return _end(f"error: the GPU gave up ({type(error).__name__}: {error}); {advice}", 1)


def _from_cupy(error):
    """Did CuPy raise this, or the CUDA libraries below it?"""
    return type(error).__module__.partition(".")[0] in ("cupy", "cupy_backends", "cupyx")


def _out_of_memory(error):
    """The sentence for a MemoryError; CuPy's is one too."""
    place = " on the GPU" if _from_cupy(error) else ""
    reason = str(error).removeprefix("Out of memory ").rstrip(".")
    reason = f" {reason};" if reason else ""
    return f"out of memory{place}:{reason} try smaller sizes, a lower --batch-size or --micro-batch"


def _end(sentence, status):
    """Print one line on stderr -> status. Called while an exception is being handled."""
    if os.environ.get("MINIVIT_DEBUG") == "1":
        raise
    with suppress(OSError):  # the terminal may have gone
        print(" ".join(sentence.splitlines()), file=sys.stderr, flush=True)
    return status
