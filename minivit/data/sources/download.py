"""Download a file from one of several mirrors; keep it only if its SHA-256 is right.

All mirrors are asked for their first bytes at the same time, and the first that delivers them is
used: a slow server does not delay the download. If its file is wrong, the next mirror that answered
is used. The time limit is for the answer only; after that, a download may take as long as it needs
while bytes keep coming. One that breaks off goes on where it ended, at the same mirror while that
brings new bytes and then at the next (an HTTP range; `partial.py` keeps the file).
"""

import queue
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import DataError
from ...text import decimal
from .partial import WrongFileError, part_of, partial
from .published import MIRRORS, RELEASES, TITLES
from .transfer import of_the_disk, reason, receive, request

PROBE_TIMEOUT = 10.0  # seconds in which a mirror must deliver its first bytes
PROBE_BYTES = 1 << 17  # what a mirror must deliver to count as an answer


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
    return fetch_file(TITLES[name], MIRRORS[name], _release, data_dir, say)


def fetch_file(title, urls, release_at, data_dir, say=print):
    """Download one file from one of `urls` into `data_dir`; return its path.

    title: what a user calls the data set; release_at: address -> what is there, with `archive` (the
    file's name), `size` and `sha256`. Raises DownloadError as `fetch` does.
    """
    what, release = f"{title} is not in {data_dir}", release_at(urls[0])
    advice = f"put {release.archive} (SHA-256 {release.sha256}) there, "
    advice += "or give its location with --data-dir"
    try:
        import pooch  # noqa: F401
        import requests  # noqa: F401  (pooch needs it as well)
    except ImportError:
        what += " and downloading it needs pooch (pip install pooch)"
        raise DownloadError(what, advice + ".") from None
    try:
        import tqdm  # noqa: F401
    except ImportError:
        what += " and downloading it needs tqdm (pip install tqdm)"
        raise DownloadError(what, advice + ".") from None
    failures = {url: "no answer in time" for url in urls}
    for url, failure in _answers(urls, release_at):
        if failure is None:
            release, host = release_at(url), urlsplit(url).netloc
            try:
                return _download(url, release, Path(data_dir), say)
            except Exception as error:  # of the network, its libraries or the disk: any type
                failure = reason(error)
                if of_the_disk(error):
                    what = f"{title} cannot be downloaded to {data_dir} ({failure})"
                    raise DownloadError(what, f"{advice}.") from None
                say(f"{host} failed ({failure}); trying the next mirror")
        failures[url] = failure
    reasons = dict.fromkeys(failures.values())
    tried = [
        f"{words}: {', '.join(url for url in failures if failures[url] == words)}"
        for words in reasons
    ]
    for part in {part_of(Path(data_dir) / release_at(url).archive) for url in urls}:
        if part.exists():
            advice += f"; {part} holds what has arrived, the next attempt goes on with it"
    raise DownloadError(f"{what} and no mirror delivered it", f"{advice} ({'; '.join(tried)}).")


def _release(url):
    """The Release whose archive is at `url`."""
    archive = urlsplit(url).path.rpartition("/")[2]
    return next(release for release in RELEASES if release.archive == archive)


def _answers(urls, release_at):
    """Ask all mirrors at the same time; yield (url, None or its failure) as they answer.

    Ends after PROBE_TIMEOUT seconds.
    """
    answers = queue.SimpleQueue()
    for url in urls:
        # A daemon thread: a server that never answers must not keep the program from ending.
        try:
            probe = {"target": _probe, "args": (url, release_at(url), answers)}
            threading.Thread(**probe, daemon=True).start()
        except RuntimeError:  # the system has no thread left
            _probe(url, release_at(url), answers)
    deadline = time.monotonic() + PROBE_TIMEOUT
    for _ in urls:
        try:
            yield answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return


def _probe(url, release, answers):
    """Read the first bytes at `url`, and put (url, None or the failure) into the queue."""
    import requests

    try:
        with requests.get(url, timeout=PROBE_TIMEOUT, **request(url)) as response:
            response.raise_for_status()
            size = int(response.headers.get("content-length", release.size))
            if size != release.size:
                raise DataError(f"offers {size:,} bytes instead of {release.size:,}")
            if not response.raw.read(PROBE_BYTES).startswith(b"\x1f\x8b"):
                raise DataError("sends something that is not an archive")
        answers.put((url, None))
    except Exception as error:  # of any type: this mirror is not used, and the reason is reported
        answers.put((url, reason(error)))


def _download(url, release, directory, say):
    """Download the archive, or what is missing of it -> its path. Raises any error."""
    import pooch
    from tqdm import tqdm

    # Without pooch's own line about the download: ours has been printed.
    pooch.get_logger().setLevel("WARNING")
    path = directory / release.archive
    with partial(path, release.size, say) as part:
        if part is None:
            return path
        size, host = f"{decimal(release.size)}B", urlsplit(url).netloc
        again = f", from byte {part.done:,} on" if part.done else ""
        say(f"downloading {release.archive} ({size}) from {host} to {directory}{again}")
        try:
            # disable=None: no bar where standard error is not a terminal
            with tqdm(
                total=release.size, initial=part.done, unit="B", unit_scale=True, leave=False,
                disable=None,
            ) as bar:  # fmt: skip
                part.advanced = bar.update
                started_with = part.done
                try:
                    receive(url, part)
                    part.keep(release.sha256)
                except WrongFileError:
                    if not started_with:
                        raise
                    receive(url, part)  # the beginning may have been another mirror's wrong one
                    part.keep(release.sha256)
        except KeyboardInterrupt as stop:
            if part.done:
                stop.args = (
                    f"stopped; {part.name} holds what has arrived, the next start goes on",
                )
            raise
    return path
