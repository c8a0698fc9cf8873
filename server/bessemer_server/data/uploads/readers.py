"""The formats that can be uploaded, each by its name on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bessemer_server.data.uploads import arrays, images, tables, texts
from bessemer_server.data.uploads.contract import Files, Options, Parsed

READERS: Mapping[str, Callable[[Files, Options], Parsed]] = {
    "IMAGE_FOLDERS": images.read,
    "TEXT_FOLDERS": texts.read,
    "CSV": tables.read,
    "NPZ": arrays.read,
}
