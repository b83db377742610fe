"""Download a CIFAR archive from one of several mirrors; keep it only if its SHA-256 is right.

All mirrors are asked for their first bytes at the same time, and the first that delivers them is
used: a slow server does not delay the download. If its file is wrong, the next mirror that answered
is used. The time limit is for the answer only; after that, a download may take as long as it needs
while bytes keep coming. pooch writes the file under a temporary name in the same directory and
renames it when it is complete and right.
"""

import queue
import threading
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from ...errors import DataError
from .published import MIRRORS, RELEASES, TITLES

PROBE_TIMEOUT = 10.0  # seconds in which a mirror must deliver its first bytes
READ_TIMEOUT = 30.0  # seconds without a byte after which a download is given up
PROBE_BYTES = 1 << 17  # what a mirror must deliver to count as an answer
SCHEMES = ("https",)


class DownloadError(DataError):
    """The archive cannot be downloaded: `what` is the fact, the message also says what to do."""

    def __init__(self, what, advice):
        super().__init__(f"{what}; {advice}")
        self.what = what


def fetch(name, data_dir, say=print):
    """Download the archive of `name` ("cifar10" | "cifar100") into `data_dir`; return its path.

    `say` is called with one line when a download starts and one for each that fails. Raises
    DownloadError, one sentence with each address and its failure, if no mirror delivered the
    archive, and immediately if pooch is not installed.
    """
    what, release = f"{TITLES[name]} is not in {data_dir}", _release(MIRRORS[name][0])
    advice = f"put {release.archive} (SHA-256 {release.sha256}) there, "
    advice += "or give its location with --data-dir"
    try:
        import pooch  # noqa: F401
        import requests  # noqa: F401  (pooch needs it as well)
    except ImportError:
        what += " and downloading it needs pooch (pip install pooch)"
        raise DownloadError(what, advice + ".") from None
    failures = {url: "no answer in time" for url in MIRRORS[name]}
    for url, failure in _answers(MIRRORS[name]):
        if failure is None:
            release, host = _release(url), urlsplit(url).netloc
            size = f"{release.size / 1e6:.0f} MB"
            say(f"downloading {release.archive} ({size}) from {host} to {data_dir}")
            try:
                return _download(url, release, Path(data_dir))
            except Exception as error:  # of the network, its libraries or the disk: any type
                failure = _reason(error)
                say(f"{host} failed ({failure}); trying the next mirror")
        failures[url] = failure
    reasons = dict.fromkeys(failures.values())
    tried = [
        f"{reason}: {', '.join(url for url in failures if failures[url] == reason)}"
        for reason in reasons
    ]
    raise DownloadError(f"{what} and no mirror delivered it", f"{advice} ({'; '.join(tried)}).")


def _release(url):
    """The Release whose archive is at `url`."""
    archive = urlsplit(url).path.rpartition("/")[2]
    return next(release for release in RELEASES if release.archive == archive)


def _answers(urls):
    """Ask all mirrors at the same time; yield (url, None or its failure) as they answer.

    Ends after PROBE_TIMEOUT seconds.
    """
    answers = queue.SimpleQueue()
    for url in urls:
        # A daemon thread: a server that never answers must not keep the program from ending.
        threading.Thread(target=_probe, args=(url, answers), daemon=True).start()
    deadline = time.monotonic() + PROBE_TIMEOUT
    for _ in urls:
        try:
            yield answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return


def _probe(url, answers):
    """Read the first bytes at `url`, and put (url, None or the failure) into the queue."""
    import requests

    try:
        with requests.get(url, timeout=PROBE_TIMEOUT, **_request(url)) as response:
            response.raise_for_status()
            expected = _release(url).size
            size = int(response.headers.get("content-length", expected))
            if size != expected:
                raise DataError(f"offers {size:,} bytes instead of {expected:,}")
            if not response.raw.read(PROBE_BYTES).startswith(b"\x1f\x8b"):
                raise DataError("sends something that is not an archive")
        answers.put((url, None))
    except Exception as error:  # of any type: this mirror is not used, and the reason is reported
        answers.put((url, _reason(error)))


def _request(url):
    """Arguments for requests.get: as a stream, not decompressed, and no redirect out of https."""

    def check_redirect(response, **_):
        _check_scheme(urljoin(response.url, response.headers.get("location", "")))

    _check_scheme(url)
    return {
        "stream": True,
        "headers": {"Accept-Encoding": "identity"},
        "hooks": {"response": check_redirect},  # called before a redirect is followed
    }


def _check_scheme(url):
    if urlsplit(url).scheme not in SCHEMES:
        raise DataError(f"leads to {url}, which is not https")


def _download(url, release, directory):
    import pooch
    from tqdm import tqdm

    # Without pooch's own line about the download: ours has been printed.
    pooch.get_logger().setLevel("WARNING")

    def stream(url, temporary, _):
        with (
            open(temporary, "wb") as file,
            # disable=None: no bar where standard error is not a terminal
            tqdm(total=release.size, unit="B", unit_scale=True, leave=False, disable=None) as bar,
        ):
            http = pooch.HTTPDownloader(
                progressbar=bar, chunk_size=1 << 18, timeout=READ_TIMEOUT, **_request(url)
            )
            http(url, _SizeLimited(file, release.size), None)

    path = pooch.retrieve(
        url, f"sha256:{release.sha256}", fname=release.archive, path=directory, downloader=stream
    )
    return Path(path)


class _SizeLimited:
    """A file that refuses to grow beyond the size of the archive."""

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
    """A few words for one mirror's failure; the libraries' own messages have many lines."""
    import requests

    match error:
        case DataError():
            return str(error)
        case requests.HTTPError():
            return f"HTTP {error.response.status_code}"
        case requests.Timeout():
            return "no answer in time"
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return "no connection, or it was interrupted"
        case ValueError() if "does not match" in str(error):
            return "wrong SHA-256"
        case OSError() if error.strerror:
            return f"{error.strerror}: {error.filename}"
    return type(error).__name__
