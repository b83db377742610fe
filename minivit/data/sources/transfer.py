"""Bytes over HTTP: one request for an archive or the rest of it, and what went wrong, in words."""

from urllib.parse import urljoin, urlsplit

from ...errors import DataError

READ_TIMEOUT = 30.0  # seconds without a byte after which a download is given up
CHUNK_BYTES = 1 << 16  # what is written at once; of a download that breaks off, less is lost
ATTEMPTS = 5  # at one mirror, as long as each brings new bytes
SCHEMES = ("https",)


def request(url, answered=lambda response: None, first=0):
    """Arguments for requests.get: as a stream, not decompressed, and no redirect out of https.

    first: the first byte wanted; answered: called with each response that is no redirect.
    """

    def check(response, **_):  # called before a redirect is followed
        _check_scheme(urljoin(response.url, response.headers.get("location", "")))
        if not response.is_redirect:
            answered(response)

    _check_scheme(url)
    headers = {"Accept-Encoding": "identity"}
    if first:
        headers["Range"] = f"bytes={first}-"
    return {"stream": True, "headers": headers, "hooks": {"response": check}}


def _check_scheme(url):
    if urlsplit(url).scheme not in SCHEMES:
        raise DataError(f"leads to {url}, which is not https")


def receive(url, part):
    """Add what is missing of `part` from `url`; once more where it breaks off after new bytes."""
    import pooch

    def answered(response):
        """Begin anew where the server sends the whole file, or another part than was asked for."""
        right = f"bytes {part.done}-"
        if part.done and response.status_code == 200:
            part.restart()
        elif response.status_code == 206 and not response.headers.get(
            "content-range", right
        ).startswith(right):
            raise DataError("sends another part of the file than was asked for")

    for _ in range(ATTEMPTS):
        before = part.done
        try:
            settings = request(url, answered, before)
            http = pooch.HTTPDownloader(chunk_size=CHUNK_BYTES, timeout=READ_TIMEOUT, **settings)
            http(url, part, None)
        except Exception as error:
            if part.done <= before or of_the_disk(error):
                raise
        if part.done >= part.size or part.done <= before:
            return


def of_the_disk(error):
    """Whether the error is this machine's and not a mirror's: its disk is full, say."""
    import requests

    return isinstance(error, OSError) and not isinstance(error, requests.RequestException)


def reason(error):
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
        case OSError() if error.strerror:
            return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return type(error).__name__
