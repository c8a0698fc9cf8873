"""From the blocks of a connection to heads: HPACK (RFC 7541), and what is remembered of it.

What a block means depends on those before it on its connection, by the table that they filled; and clients of one kind begin
alike. So heads are remembered by all blocks that filled the table, for all connections: who opens one for each call, or sends the
same head again and again on one, is understood without the library, which takes several times as long.
"""

from __future__ import annotations

import hpack
from hpack.table import HeaderTable

from bessemer_server.rpc.http2 import headers
from bessemer_server.rpc.http2.frames import Code, ConnectionFault

READ_BYTES = 2 * headers.MAX_LIST_BYTES
"""A head that has more than it may is read that far, to be refused alone. Of a longer one nothing is read, and so nothing of what its
connection sends afterwards.
"""
KEPT = 64
"""Heads that are remembered of one table."""
KEPT_BYTES = 1024
"""A longer block, or head, is read anew each time. Both count: a block can name a field of the table many times, by a byte each."""
KEPT_IN_ALL = 4096
"""Beyond so many heads all are forgotten, wherever they are remembered: a client may send anything, and keep its connections."""
DEPTH = 8
"""Blocks that filled a table: beyond so many it is its connection's own. Whoever comes to an unknown block has to read all
those before it.
"""


class State:
    """A table, known by the blocks that filled it, and the heads that other blocks have meant with it."""

    __slots__ = ("before", "block", "depth", "known")

    def __init__(self, before: State | None = None, block: bytes = b"", depth: int = DEPTH) -> None:
        """Without depth it is a connection's own."""
        self.before = before
        self.block = block
        self.depth = depth
        self.known: dict[bytes, tuple[headers.Head, State]] = {}
        """By block: the head, and the table afterwards."""

    def path(self) -> list[bytes]:
        """The blocks that filled the table."""
        return [*self.before.path(), self.block] if self.before else []


class Memory:
    """What all connections have in common, and how much they remember together."""

    def __init__(self) -> None:
        self.beginning = State(depth=0)
        self._heads = 0
        self._knowing: list[State] = []
        """Those that remember something, also for one connection alone."""

    def keep(self, state: State, block: bytes, head: headers.Head, *, changed: bool) -> State:
        """Remember what a block means with a table; returns the table afterwards."""
        if changed and state.depth >= DEPTH:
            return State()  # not to be found by others, who could not say how they came there
        if self._heads >= KEPT_IN_ALL:
            self._forget()
        after = State(state, block, state.depth + 1) if changed else state
        if not state.known:
            self._knowing.append(state)
        state.known[block] = head, after
        self._heads += 1
        return after

    def _forget(self) -> None:
        """Connections go on where they are: for that they need the blocks before them, and no heads."""
        for state in self._knowing:
            state.known.clear()
        self._knowing.clear()
        self._heads = 0


MEMORY = Memory()


class _Table(HeaderTable):
    """Tells when it changes."""

    changed = False

    def add(self, name: bytes, value: bytes) -> None:
        self.changed = True
        super().add(name, value)

    @property
    def maxsize(self) -> int:
        return int(super().maxsize)

    @maxsize.setter
    def maxsize(self, size: int) -> None:
        # Also where it becomes again what it was: between, there may have been room for less.
        self.changed |= size != self._maxsize
        HeaderTable.maxsize.fset(self, size)  # type: ignore[attr-defined]


class Decoder:
    """Reads the heads of one connection, in their order."""

    def __init__(self, memory: Memory = MEMORY) -> None:
        self._memory = memory
        self._state = memory.beginning
        self._table = _Table()
        self._hpack: hpack.Decoder | None = None
        """Not before a block comes that is not known."""

    def decode(self, block: bytes) -> headers.Head:
        """A head. Raises `ConnectionFault` for bytes that are none, `StreamFault` for a head that HTTP/2 does not allow."""
        state = self._state
        if found := state.known.get(block):
            head, after = found
            if after is not state:
                if self._hpack is not None:
                    self._read(block)  # its table has to follow
                self._state = after
            return head
        head = headers.read(self._read(block))
        if max(len(block), headers.count(head.fields)) <= KEPT_BYTES and len(state.known) < KEPT:
            self._state = self._memory.keep(state, block, head, changed=self._table.changed)
        return head

    def skip(self, block: bytes) -> None:
        """Read over a head: the table has to follow. Raises `ConnectionFault`."""
        self._read(block)

    def _read(self, block: bytes) -> list[tuple[str, str]]:
        """The fields of a block, a letter for each byte: a value need not be UTF-8 (RFC 9110, section 5.5), and is no fault of others
        on its connection. A table that the block changes is this connection's own.
        """
        decoder = self._hpack = self._hpack or self._build()
        self._table.changed = False
        try:
            return [
                (str(name, "latin-1"), str(value, "latin-1"))
                for name, value in decoder.decode(block, raw=True)
            ]
        except hpack.OversizedHeaderListError as error:
            raise ConnectionFault(
                Code.ENHANCE_YOUR_CALM, f"a head has more than {READ_BYTES} bytes"
            ) from error
        except Exception as error:  # also what a broken block makes of the library itself
            raise ConnectionFault(Code.COMPRESSION_ERROR, "a head that cannot be decoded") from error
        finally:
            if self._table.changed:
                self._state = State()

    def _build(self) -> hpack.Decoder:
        decoder = hpack.Decoder(READ_BYTES)
        decoder.header_table = self._table
        for block in self._state.path():
            decoder.decode(block)
        return decoder
