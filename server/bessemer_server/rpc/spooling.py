"""Uploads on their way: what comes is written to a file, and what was made of it is read from another."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import pathlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import BLOB_MAX_BYTES, TensorEntry

T = TypeVar("T")

UPLOADS_AT_ONCE = 4
SILENCE_S = 60.0
"""Between two messages of an upload, which keeps others out meanwhile."""
CHUNK_MAX_BYTES = 1 << 20
WRITE_BYTES = 4 << 20
"""What is gathered before it is written, off the event loop."""
MAX_FILES = 500_000
PATH_MAX = 500


@dataclasses.dataclass(slots=True)
class Room:
    """Where uploads are spooled, a few at once, and how much one may hold."""

    folder: pathlib.Path
    max_bytes: int
    taken: int = 0
    """Uploads that are on their way."""

    def clear(self) -> None:
        """Remove what a server that was killed left. Only for the one that holds the data folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Heard(Generic[T]):
    """The messages of an upload, of which the next one comes soon: `DeadlineExceeded` where it does not."""

    def __init__(self, messages: AsyncIterator[T], silence_s: float = SILENCE_S) -> None:
        self._messages = messages
        self._silence_s = silence_s

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            async with asyncio.timeout(self._silence_s):
                return await anext(self._messages)
        except TimeoutError:
            raise errors.DeadlineExceeded(
                f"nothing more came of the upload for {self._silence_s:g} s, so it was given up; send it again",
                reason="UPLOAD_SILENT",
            ) from None


class Spool:
    """One upload; an asynchronous context manager that leaves nothing behind, and holds up nobody else meanwhile."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._files: dict[str, list[int]] = {}
        self._size_bytes = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    async def __aenter__(self) -> Self:
        if self._room.taken >= UPLOADS_AT_ONCE:
            raise errors.ResourceExhausted(
                f"{UPLOADS_AT_ONCE} uploads are in progress already; try again when one has ended",
                reason="TOO_MANY_UPLOADS",
            )
        with _translated():
            self._room.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder = pathlib.Path(tempfile.mkdtemp(dir=self._room.folder))
            try:
                self._input = (self._folder / "input").open("wb")
            except OSError:
                shutil.rmtree(self._folder, ignore_errors=True)
                raise
        self._room.taken += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await asyncio.shield(asyncio.to_thread(self._clear))  # also for who was cancelled twice
        finally:
            self._room.taken -= 1

    def _clear(self) -> None:
        with contextlib.suppress(OSError):
            self._input.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def input(self) -> str:
        """The file in which everything lies that came, once it has."""
        return self._input.name

    @property
    def output(self) -> str:
        """The file for what is made of it."""
        return str(self._folder / "output")

    @property
    def files(self) -> tuple[tuple[str, int, int], ...]:
        """Path, beginning in the input and size of each file."""
        return tuple((path, start, size) for path, (start, size) in self._files.items())

    async def add(self, path: str, data: bytes) -> None:
        """The next piece, of another file if it has a path. Raises `ResourceExhausted` at a limit, `InvalidArgument` for a path that cannot be."""
        if len(data) > CHUNK_MAX_BYTES:
            raise errors.ResourceExhausted(
                f"a chunk has {len(data):,} bytes, but at most {CHUNK_MAX_BYTES:,} are taken; send more of them",
                reason="CHUNK_TOO_LARGE",
            )
        if path:
            self._begin(path)
        elif not self._files:
            raise errors.InvalidArgument(
                violations=[errors.Violation("chunk.path", "the first chunk of a file names its path")]
            )
        self._size_bytes += len(data)
        if self._size_bytes > self._room.max_bytes:
            raise errors.ResourceExhausted(
                f"the upload has more than {self._room.max_bytes >> 20:,} MiB; send less, or let the service take more "
                "with --max-upload-mib",
                reason="UPLOAD_TOO_LARGE",
            )
        next(reversed(self._files.values()))[1] += len(data)
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= WRITE_BYTES:
            await self._flush()

    def _begin(self, path: str) -> None:
        if len(path) > PATH_MAX or path in self._files or "\0" in path:
            problem = (
                "came twice" if path in self._files else f"must have at most {PATH_MAX} characters and no NUL"
            )
            raise errors.InvalidArgument(violations=[errors.Violation(path[:100], problem)])
        if len(self._files) >= MAX_FILES:
            raise errors.ResourceExhausted(
                f"the upload has more than {MAX_FILES:,} files; send arrays as .npz instead",
                reason="UPLOAD_TOO_LARGE",
            )
        self._files[path] = [self._size_bytes, 0]

    async def _flush(self) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        with _translated():
            await asyncio.to_thread(self._input.writelines, waiting)

    async def finish(self) -> None:
        """All has come. Raises `InvalidArgument` when that was nothing."""
        if not self._files:
            raise errors.InvalidArgument(violations=[errors.Violation("source", "no files were sent")])
        await self._flush()
        with _translated():
            await asyncio.to_thread(self._input.close)

    async def read_output(
        self, tensors: Iterable[TensorEntry], wanted: Collection[str]
    ) -> AsyncIterator[dict[str, bytes]]:
        """The blobs of `wanted` that the tensors consist of, a few at a time."""
        parts = _parts(self._folder / "output", tensors)
        while True:
            run = await asyncio.to_thread(_take, parts, WRITE_BYTES)
            if not run:
                return
            yield {digest: data for digest, data in run if digest in wanted}


def _parts(path: pathlib.Path, tensors: Iterable[TensorEntry]) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as output:
        for tensor in tensors:
            for position, digest in enumerate(tensor.digests):
                size = min(BLOB_MAX_BYTES, tensor.size_bytes - position * BLOB_MAX_BYTES)
                yield digest, output.read(size)


def _take(parts: Iterator[tuple[str, bytes]], size_bytes: int) -> list[tuple[str, bytes]]:
    run: list[tuple[str, bytes]] = []
    for part in parts:
        run.append(part)
        size_bytes -= len(part[1])
        if size_bytes <= 0:
            break
    return run


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise errors.ResourceExhausted(
            "the disk of the service has no room for this upload; free some, or send less", reason="DISK_FULL"
        ) from error
