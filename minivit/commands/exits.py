"""How every command ends: its exit status, and errors as one line on stderr.

Exit status: 0 success, 1 an error, 2 wrong usage, 3 the loss diverged, 130 interrupted (143
terminated, 129 the terminal was closed, 138 SIGUSR1), 141 the reader of the output pipe has closed
it. With 2 and 3 the same command would fail again, which a script should know. An error that is a
bug in minivit keeps its traceback; MINIVIT_DEBUG=1 in the environment shows that of every error.
"""

import errno
import io
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress

from ..errors import CodeError, MinivitError
from ..ranks.launch import silence
from .rank_ends import end_others, introduction, leave_others

# Those that end a program; a run in its steps has its own way (`training/signals.py`).
ENDING = {
    "SIGINT": "interrupted",
    "SIGTERM": "terminated",
    "SIGHUP": "the terminal was closed",
    "SIGUSR1": "asked to stop",
}


def run(main, argv=None):
    """Call main(argv) -> exit status. Errors become one line. argv: sys.argv[1:] if None."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # print characters it cannot encode as \x..
            stream.reconfigure(errors="backslashreplace")
    silence()
    try:
        try:
            with _signals():
                status = main(sys.argv[1:] if argv is None else argv)
        except SystemExit as stop:  # argparse has printed help
            status = stop.code
            leave_others()
        _flush()  # so that a closed pipe raises here, not at interpreter exit
        return status or 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt as stop:
        return _end(str(stop) or "interrupted", getattr(stop, "status", 130))
    except CodeError as error:  # the second line is the user's own
        return _end(f"error: {error}", error.status, between="\n")
    except MinivitError as error:
        return _end(f"error: {error}", error.status)
    except MemoryError as error:
        return _end(f"error: {_out_of_memory(error)}", 1)
    except OSError as error:
        full = error.errno == errno.ENOSPC  # of no file: files' errors are the project's own
        name = "" if _can_print() and not full else "standard output"
        place = f"{error.filename or name}: " if error.filename or name else ""
        return _end(f"error: {place}{error.strerror or error}", 1)
    except Exception as error:
        if not _from_cupy(error):  # a bug in minivit: keep its traceback
            raise
        advice = "try a lower --batch-size; `nvidia-smi` shows what else runs there"
        return _end(f"error: the GPU failed ({type(error).__name__}: {error}); {advice}", 1)


def _flush():
    """Print what is left; an error names standard output."""
    try:
        if sys.stdout:  # None if it was closed before the program started
            sys.stdout.flush()
    except OSError as error:
        error.filename = error.filename or "standard output"
        raise


def _can_print():
    """Whether standard output takes what is left; else that is lost, and Python ends quietly."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


@contextmanager
def after(words):
    """Within this, print: an error of that says `words` too, what has been done nevertheless."""
    try:
        yield
        _flush()
    except OSError as error:
        error.add_note(words)
        raise


@contextmanager
def _signals():
    """Within this, a signal that ends programs raises KeyboardInterrupt: files are tidied up.

    A second one ends the program at once. One that was ignored (nohup) stays so.
    """
    numbers = {
        getattr(signal, name): said for name, said in ENDING.items() if hasattr(signal, name)
    }

    stop = KeyboardInterrupt()

    def arrived(number, frame):
        for name in before:
            signal.signal(name, signal.SIG_DFL)
        stop.args, stop.status = (numbers[number],), 128 + number
        raise stop

    def lost(seen):
        """Python cannot raise in a weak reference's callback, say: raise soon after it."""
        if seen.exc_value is not stop:
            return hook(seen)
        for name in before:
            signal.signal(name, arrived)
        with suppress(RuntimeError):  # no thread left: the next signal ends the program
            again = threading.Timer(0.01, os.kill, [os.getpid(), stop.status - 128])
            again.daemon = True
            again.start()

    # SIGINT is SIG_DFL as train.py sets it while modules load; only the main thread has handlers
    hook, sys.unraisablehook = sys.unraisablehook, lost
    usual, before = (signal.SIG_DFL, signal.default_int_handler), {}
    if threading.current_thread() is threading.main_thread():
        before = {n: h for n in numbers if (h := signal.getsignal(n)) in usual}
    try:
        for number in before:
            signal.signal(number, arrived)
        yield
    except Exception:
        if not stop.args:
            raise
        raise stop from None  # Python turns an interruption into other errors at some places
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            if signal.getsignal(number) != signal.SIG_IGN:  # of a rank that is on its way out
                signal.signal(number, handler)


def _from_cupy(error):
    """Whether CuPy, or a CUDA library below it, raised the error."""
    return type(error).__module__.partition(".")[0] in ("cupy", "cupy_backends", "cupyx")


def _out_of_memory(error):
    """The sentence for a MemoryError, NumPy's or CuPy's."""
    place = " on the GPU" if _from_cupy(error) else ""
    reason = str(error).removeprefix("Out of memory ").rstrip(".")
    reason = f" {reason};" if reason else ""
    advice = "try smaller sizes or, in training, a lower --batch-size or --micro-batch"
    return f"out of memory{place}:{reason} {advice}"


def _end(sentence, status, between=" "):
    """Print one line on stderr -> status. Call it only while an exception is being handled.

    between: what the lines of the sentence are joined with.
    """
    error = sys.exception()
    who = introduction(error)  # "", unless this is one rank of several
    if os.environ.get("MINIVIT_DEBUG") == "1":
        raise
    if notes := getattr(error, "__notes__", ()):  # such as: how to go on with the run
        sentence = ". ".join([sentence.rstrip("."), *notes])
    if who is not None:
        sentence = sentence.replace("error: ", f"error: {who}", 1)
        with suppress(OSError):  # the terminal may be closed
            print(between.join(sentence.splitlines()), file=sys.stderr, flush=True)
    return end_others(error, status)
