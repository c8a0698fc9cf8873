"""A connection of ours and a client made of another implementation of HTTP/2, back to back and without sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import h2.config
import h2.connection
import h2.events

from bessemer_server.domain import errors
from bessemer_server.rpc.fronts import predicting
from bessemer_server.rpc.http2 import messages, unread
from bessemer_server.rpc.http2.connection import Connection
from bessemer_server.rpc.http2.stream import Stream

HEAD = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/Test/Ask"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


class Echo:
    """A call that is answered with what came, once everything has."""

    weight = 32

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.messages: list[bytes] = []
        self.is_cancelled = False
        self.drains = 0

    def receive(self, message: bytes) -> None:
        self.messages.append(message)
        self.stream.consume(len(message))

    def end(self) -> None:
        if len(self.messages) == 1:
            self.stream.answer(self.messages[0])
            return
        for message in self.messages:
            self.stream.send(message)
        self.stream.finish()

    def cancel(self) -> None:
        self.is_cancelled = True

    def drain(self) -> None:
        self.drains += 1


class Keep(Echo):
    """A call that somebody else answers."""

    def end(self) -> None:
        pass


class Wires:
    """`server` is ours, `calls` what it was asked, `client` the other one, `events` what that has heard."""

    def __init__(
        self,
        call: Callable[[Stream], Echo] = Echo,
        budget: int = 1 << 30,
        left: unread.Unread | None = None,
    ) -> None:
        self.calls: list[Echo] = []
        self.budget = messages.Budget(budget)
        self.later: deque[Callable[[], None]] = deque()
        """What the server does in further turns."""
        self.server = Connection(
            self._accept(call), refuse, self.budget, lambda: None, self.later.append, left=left
        )
        self.client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.client.initiate_connection()
        self.events: list[h2.events.Event] = []

    def _accept(self, call: Callable[[Stream], Echo]) -> Callable[[Stream], Echo]:
        def accept(stream: Stream) -> Echo:
            self.calls.append(call(stream))
            return self.calls[-1]

        return accept

    def exchange(self, *, piece: int = 1 << 30, reads: bool = True) -> None:
        """Until neither has anything to say or do. The client tells the windows that it has read."""
        while self.pass_on(piece=piece, reads=reads) or self.later:
            if self.later:
                self.later.popleft()()

    def pass_on(self, *, piece: int = 1 << 30, reads: bool = True) -> bool:
        """What both have to say now; whether they had anything."""
        said = False
        while True:
            ours, theirs = self.server.take(), self.client.data_to_send()
            if not ours and not theirs:
                return said
            said = True
            for part in cut(theirs, piece):
                self.server.receive(part)
            for part in cut(ours, piece):
                self.hear(self.client.receive_data(part), reads=reads)

    def hear(self, events: list[h2.events.Event], *, reads: bool) -> None:
        for event in events:
            self.events.append(event)
            if reads and isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def ask(self, *sent: bytes, head: Any = HEAD, ends: bool = True, pad: int | None = None) -> int:
        """A call with these messages; its stream."""
        number = self.client.get_next_available_stream_id()
        self.client.send_headers(number, head)
        self.exchange()
        for message in sent:
            self.say(number, messages.pack(message), pad=pad)
        if ends:
            self.client.end_stream(number)
        return number

    def say(self, number: int, data: bytes, *, pad: int | None = None) -> None:
        """As much at a time as the windows allow."""
        while data:
            room = min(self.client.local_flow_control_window(number), self.client.max_outbound_frame_size)
            size = min(len(data), room - (pad + 1 if pad is not None else 0))
            assert size > 0, "the server lets nothing more come"
            self.client.send_data(number, data[:size], pad_length=pad)
            data = data[size:]
            self.exchange()

    def heard(self, number: int, kind: type[Any]) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind) and getattr(e, "stream_id", number) == number]

    def answer(self, number: int) -> tuple[list[bytes], dict[str, str]]:
        """Messages and trailers of a stream."""
        data = b"".join(event.data for event in self.heard(number, h2.events.DataReceived))
        ends = self.heard(number, h2.events.TrailersReceived) or self.heard(
            number, h2.events.ResponseReceived
        )
        return list(unpack(data)), dict(ends[-1].headers)


def refuse(stream: Stream, error: errors.DomainError) -> None:
    predicting.refuse(stream, error)


def unpack(data: bytes) -> Iterator[bytes]:
    while data:
        compressed, length = messages.PREFIX.unpack_from(data)
        assert not compressed
        yield data[5 : 5 + length]
        data = data[5 + length :]


def cut(data: bytes, piece: int) -> Iterator[bytes]:
    for start in range(0, len(data), piece):
        yield data[start : start + piece]
