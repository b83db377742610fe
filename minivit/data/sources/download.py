"""Fetch a CIFAR archive from whichever mirror answers, and keep it only if its SHA-256 is right.

Every mirror is asked at once for its first bytes. The first to deliver them is used, so a server
that is up but slow loses to a fast one, and no server can hold up the others. If its file turns
out wrong, the next that answered takes its place. Only the answering is under a time limit: a
download that has begun may take as long as it needs while bytes keep coming. The file is written
under a temporary name beside its final one (by pooch) and renamed when complete and right.
"""

import queue
import threading
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from ...errors import DataError
from .published import FORMS, MIRRORS, TITLES

PATIENCE = 10.0  # seconds that all mirrors together have for their first bytes
STALL = 30.0  # seconds without a byte after which a running download is given up
PROBE = 1 << 17  # bytes a mirror must deliver to have answered
SCHEMES = ("https",)


class DownloadError(DataError):
    """The archive is not to be had: `what` is the fact, the whole message says what to do too."""

    def __init__(self, what, advice):
        super().__init__(f"{what}; {advice}")
        self.what = what


def fetch(name, data_dir, say=print):
    """Download the archive of `name` ("cifar10" | "cifar100") into `data_dir`; return its path.

    `say` gets one line for the start and one for every mirror that failed after it. Raises
    DownloadError, one sentence with each address and its failure, if no mirror delivered; at once
    if pooch is not installed.
    """
    what, form = f"{TITLES[name]} is not in {data_dir}", _form(MIRRORS[name][0])
    advice = f"put {form.archive} (SHA-256 {form.sha256}) there, or give its place with --data-dir"
    try:
        import pooch  # noqa: F401
        import requests  # noqa: F401  (pooch needs it as well)
    except ImportError:
        what += " and downloading it needs pooch (pip install pooch)"
        raise DownloadError(what, advice + ".") from None
    failures = {url: "no answer in time" for url in MIRRORS[name]}
    for url, failure in _answers(MIRRORS[name]):
        if failure is None:
            form, host = _form(url), urlsplit(url).netloc
            say(f"downloading {form.archive} ({form.size / 1e6:.0f} MB) from {host} to {data_dir}")
            try:
                return _download(url, form, Path(data_dir))
            except Exception as error:  # a network, its libraries or the disk: any kind of failure
                failure = _reason(error)
                say(f"{host} failed ({failure}); trying the next mirror")
        failures[url] = failure
    reasons = dict.fromkeys(failures.values())
    tried = [
        f"{reason}: {', '.join(url for url in failures if failures[url] == reason)}"
        for reason in reasons
    ]
    raise DownloadError(f"{what} and no mirror delivered it", f"{advice} ({'; '.join(tried)}).")


def _form(url):
    archive = urlsplit(url).path.rpartition("/")[2]
    return next(form for form in FORMS if form.archive == archive)


def _answers(urls):
    """Ask all at once; yield (url, None or why not) as they come, until PATIENCE is over."""
    answers = queue.SimpleQueue()
    for url in urls:
        # A daemon: a server that never answers must not keep the program from ending.
        threading.Thread(target=_probe, args=(url, answers), daemon=True).start()
    deadline = time.monotonic() + PATIENCE
    for _ in urls:
        try:
            yield answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return


def _probe(url, answers):
    import requests

    try:
        with requests.get(url, timeout=PATIENCE, **_request(url)) as response:
            response.raise_for_status()
            form = _form(url)
            size = int(response.headers.get("content-length", form.size))
            if size != form.size:
                raise DataError(f"offers {size:,} bytes instead of {form.size:,}")
            if not response.raw.read(PROBE).startswith(b"\x1f\x8b"):
                raise DataError("sends something that is no archive")
        answers.put((url, None))
    except Exception as error:  # whatever went wrong, this mirror is out and the reason is kept
        answers.put((url, _reason(error)))


def _request(url):
    """Arguments for requests.get: a stream, the bytes as they are, and no way out of https."""

    def follow(response, **_):
        _check_scheme(urljoin(response.url, response.headers.get("location", "")))

    _check_scheme(url)
    return {
        "stream": True,
        "headers": {"Accept-Encoding": "identity"},
        "hooks": {"response": follow},  # called for each redirect before it is followed
    }


def _check_scheme(url):
    if urlsplit(url).scheme not in SCHEMES:
        raise DataError(f"leads to {url}, which is not https")


def _download(url, form, directory):
    import pooch
    from tqdm import tqdm

    # pooch's own line about the download would come on top of ours.
    pooch.get_logger().setLevel("WARNING")

    def stream(url, temporary, _):
        with (
            open(temporary, "wb") as file,
            # disable=None: no bar where standard error is not a terminal
            tqdm(total=form.size, unit="B", unit_scale=True, leave=False, disable=None) as bar,
        ):
            http = pooch.HTTPDownloader(
                progressbar=bar, chunk_size=1 << 18, timeout=STALL, **_request(url)
            )
            http(url, _Limited(file, form.size), None)

    path = pooch.retrieve(
        url, f"sha256:{form.sha256}", fname=form.archive, path=directory, downloader=stream
    )
    return Path(path)


class _Limited:
    """A file that refuses to grow beyond the size it must have in the end."""

    def __init__(self, file, size):
        self.file, self.left = file, size

    def write(self, chunk):
        self.left -= len(chunk)
        if self.left < 0:
            raise DataError("sends more bytes than the archive has")
        self.file.write(chunk)

    def flush(self):
        self.file.flush()


def _reason(error):
    """A few words for one mirror's failure; the libraries' own run over many lines."""
    import requests

    match error:
        case DataError():
            return str(error)
        case requests.HTTPError():
            return f"HTTP {error.response.status_code}"
        case requests.Timeout():
            return "no answer in time"
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return "no connection, or it broke off"
        case ValueError() if "does not match" in str(error):
            return "wrong SHA-256"
        case OSError() if error.strerror:
            return f"{error.strerror}: {error.filename}"
    return type(error).__name__
