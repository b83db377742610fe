"""Run a user's code: load it, and turn its errors into one sentence and the user's own line."""

import importlib
import sys
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from .. import limits
from ..errors import CodeError
from ..text import printable

# An argument that a layer must not write on is handed to it read-only; NumPy then says this.
READ_ONLY = "read-only"
ADVICE = "; dy, x and the parameters belong to the caller: do not write on them"


def read(path):
    """The text of a Python file. Raises CodeError if there is no such file, or it is no text."""
    try:
        if not Path(path).is_file():
            raise CodeError(f"{path}: there is no such file.")
        with open(path, "rb") as file:
            content = file.read(limits.TEXT_FILE)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CodeError(f"{path} is not a Python file: it is not UTF-8 text.") from None
    except OSError as error:
        raise CodeError(f"cannot read {path}: {error.strerror or error}.") from error


def load_file(path):
    """Run the Python file -> its module. Raises CodeError with the file's own line."""
    source, path = read(path), str(path)
    module = ModuleType("minivit_user_code")  # no name of a file: it might be "numpy"
    module.__file__ = path
    sys.modules[module.__name__] = module  # dataclasses look for it
    with beside(path), watched(path):
        exec(compile(source, path, "exec"), module.__dict__)
    return module


def load_module(name):
    """Import `package.module` -> the module. Raises CodeError if it fails."""
    with beside("."):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                raise CodeError(
                    f"there is no module {error.name!r} here; for a file write its path, as in "
                    "layers/mine.py:MyLayer."
                ) from error
            raise _failure(error, None) from error
        except Exception as error:
            raise _failure(error, None) from error


@contextmanager
def beside(path):
    """Within this, the modules beside the file can be imported, as with `python FILE`."""
    folder = str(Path(path).resolve().parent if path != "." else Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(folder)


@contextmanager
def watched(path, where=""):
    """Around a call of a user's code: an error becomes a CodeError, also one that ends programs.

    where: the place to name if the error is in none of the lines of the file `path`. An
    interruption (Ctrl-C) stays one, and names the line at which it arrived.
    """
    try:
        yield
    except CodeError:
        raise
    except KeyboardInterrupt as stop:
        place, code = _own_line(stop, path)
        if place:
            stop.args = (f"{str(stop) or 'interrupted'} at {place}: {code}",)
        raise
    except (Exception, SystemExit) as error:
        raise _failure(error, path, where) from error


def _failure(error, path, where=""):
    """The CodeError for an error: the place and what it is, then the line of code."""
    if isinstance(error, SyntaxError) and error.lineno:  # it has no frame of its own
        place, code = f"{error.filename}, line {error.lineno}", (error.text or "").strip()
        return _sentence(place, f"{type(error).__name__}: {error.msg}", code)
    place, code = _own_line(error, path)
    if isinstance(error, NotImplementedError):
        words = "not written yet" + (f": {error}" if str(error) else "")
    elif isinstance(error, SystemExit):
        words = "SystemExit: it would end the program"
    else:
        words = f"{type(error).__name__}: {error}"
    if READ_ONLY in str(error):
        words += ADVICE
    return _sentence(place or where or str(path or "your code"), words, code)


def _sentence(place, words, code):
    lines = [f"{place}: {' '.join(words.split())}", *([f"    {code}"] if code else [])]
    return CodeError("\n".join(printable(line) for line in lines))


def _own_line(error, path):
    """(place, code) of the innermost line of the file in an error's traceback, or ("", "").

    With path None, the innermost line that is neither minivit's nor the import system's.
    """
    house = str(Path(__file__).resolve().parents[1])
    place = code = ""
    for frame in traceback.extract_tb(error.__traceback__):
        own = frame.filename == path
        if path is None:
            own = not frame.filename.startswith((house, "<"))
        if own:
            inside = "" if frame.name == "<module>" else f", in {frame.name}"
            place, code = f"{frame.filename}, line {frame.lineno}{inside}", frame.line or ""
    return place, code
