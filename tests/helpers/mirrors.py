"""A server on this machine that stands for all mirrors, each good or bad in its own way."""

import hashlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "cifar-10-python.tar.gz"
ARCHIVE = b"\x1f\x8b" + hashlib.shake_128(b"an archive").digest(200_000)


class Handler(BaseHTTPRequestHandler):
    """/ranges/NAME, /drops/NAME, ...: the first part of the path says how the mirror behaves."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind = self.path.split("/")[1]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        first = int(asked[1]) if asked and kind != "rangeless" else 0
        self.server.asked.append((kind, int(asked[1]) if asked else 0))
        content = ARCHIVE if kind != "wrong" else ARCHIVE[:-1] + b"\0"
        body = content[first:]
        if first and kind == "elsewhere":
            first -= 1
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body)))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.close_connection = True
        try:
            if kind == "late" and not first:
                self.wait_for_another()
            if kind == "silent" and [k for k, _ in self.server.asked].count(kind) > 1:
                self.wfile.write(body[: len(body) * 2 // 5])
                time.sleep(2)
                return
            if kind == "drops" or (kind in ("once", "rangeless") and not self.server.dropped):
                self.server.dropped += self.server.asked[-1][1] > 0 or len(self.server.asked) > 1
                body = body[: len(body) * 2 // 5]
            for start in range(0, len(body), 2000):
                if kind == "slow":
                    time.sleep(0.01)
                if kind == "held" and start == 50_000:
                    self.server.released.wait(60)
                self.wfile.write(body[start : start + 2000])
        except OSError:  # the client went away
            pass

    def wait_for_another(self):
        """Answer after another mirror was chosen, which is then asked a second time."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            kinds = [kind for kind, _ in self.server.asked if kind != "late"]
            if len(kinds) >= 2:
                return
            time.sleep(0.01)

    def log_message(self, *_):
        """Say nothing."""


class Mirrors:
    """The server, inside a `with`: `asked` is a list of (kind, first byte) of all requests.

    The kind "held" sends a quarter of the archive, and the rest when `released` is set.
    """

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.asked = self.asked = []
        self.server.dropped = 0
        self.server.released = self.released = threading.Event()
        settings = {"poll_interval": 0.01}
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs=settings)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def urls(self, *kinds):
        """Addresses of mirrors of these kinds."""
        return [f"http://127.0.0.1:{self.server.server_port}/{kind}/{NAME}" for kind in kinds]


def pretend(patch, urls):
    """Let `download.fetch` use these mirrors. patch: setattr(module, name, value)."""
    import dataclasses

    from minivit.data.sources import download, published, transfer

    sha256 = hashlib.sha256(ARCHIVE).hexdigest()
    release = dataclasses.replace(published.RELEASES[0], size=len(ARCHIVE), sha256=sha256)
    patch(download, "RELEASES", (release,))
    patch(download, "MIRRORS", {"cifar10": tuple(urls)})
    patch(download, "PROBE_BYTES", 1000)
    patch(transfer, "SCHEMES", ("http",))
    patch(transfer, "CHUNK_BYTES", 1000)
