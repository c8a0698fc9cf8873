"""A web server on localhost that honours ranges, and can cut connections."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator


class Mirror:
    """What it serves, how it behaves, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.knows_ranges = True
        self.cut_after: int | None = None
        """Bytes after which each answer breaks off."""
        self.asked: list[tuple[str, str | None]] = []
        """Path and Range header of each request."""
        self.address = ""


@contextlib.contextmanager
def serve() -> Iterator[Mirror]:
    """A mirror, as long as the context lasts."""
    mirror = Mirror()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(mirror))
    mirror.address = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield mirror
    server.shutdown()
    thread.join()
    server.server_close()


def _handler(mirror: Mirror) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            asked = self.headers.get("Range")
            mirror.asked.append((self.path, asked))
            content = mirror.files.get(self.path.removeprefix("/"))
            if content is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            if not (mirror.knows_ranges and asked):
                self.send_response(200)
                start = 0
            elif start >= len(content):
                self.send_error(416)
                return
            else:
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            rest = content[start:]
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: mirror.cut_after])

    return Handler
