"""An HL7 v2 feed: listens for messages in MLLP frames (HL7 v2 transport, release 1), acknowledges each, hands them on.

It is meant for a copy of a feed: what is taken here is sampled and forgotten, and the sender is told it was accepted.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

from bedrail.core.errors import Unavailable
from bedrail.data.sampling import Batch, Flow
from bedrail.data.sources.hl7 import MOST_BYTES, batches, decoded
from bedrail.wire.webhook import LOOPBACK

BEGIN, END = b"\x0b", b"\x1c\r"
IDLE_SECONDS = 30.0
"""A sender that says nothing for as long is let go."""

TURN = 0.2


class Feed:
    """Listens at `host`:`port` for `seconds`, or until so many `messages` came; one sender at a time.

    `now` gives seconds from some start. Plain MLLP carries patients' data in clear, so it listens on this machine only:
    put a TLS tunnel in front of it for others.
    """

    whole = False

    def __init__(self, host: str, port: int, *, seconds: float, messages: int, now: Callable[[], float]) -> None:
        """Raises `Unavailable` when the port is taken, or not of this machine."""
        if host not in LOOPBACK:
            raise Unavailable(
                "MLLP is not encrypted.", remedy="Listen at 127.0.0.1, and let a TLS tunnel bring the feed there."
            )
        self._seconds, self._messages, self._now = seconds, messages, now
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            raise Unavailable(f"the port cannot be used ({type(error).__name__}).", remedy="Choose another.") from None
        self._listener.settimeout(TURN)
        self.port = int(self._listener.getsockname()[1])
        self._host = host

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"mllp://{self._host}:{self.port}"

    def flows(self, seed: int) -> tuple[list[Flow], list[str]]:  # noqa: ARG002 (a feed comes in its own order)
        """One flow: message types come mixed."""
        return [Flow(label="feed", read=self._read)], []

    def _read(self, limit: int, notes: list[str]) -> Iterator[Batch]:
        yield from batches(self._received(notes), self.target, limit, notes)

    def _received(self, notes: list[str]) -> Iterator[str]:
        end, count = self._now() + self._seconds, 0
        with self._listener:
            while self._now() < end and count < self._messages:
                try:
                    sender, _ = self._listener.accept()
                except TimeoutError:
                    continue
                with sender:
                    for data in self._frames(sender, end, notes):
                        count += 1
                        yield decoded(data)
                        with suppress(OSError):
                            sender.sendall(acknowledgement(data))
                        if count >= self._messages:
                            break

    def _frames(self, sender: socket.socket, end: float, notes: list[str]) -> Iterator[bytes]:
        """Each message of one connection, without its frame."""
        sender.settimeout(TURN)
        held, last = b"", self._now()
        while self._now() < end and self._now() - last < IDLE_SECONDS:
            try:
                more = sender.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                return
            if not more:
                return
            held, last = held + more, self._now()
            while END in held:
                frame, _, held = held.partition(END)
                yield frame.partition(BEGIN)[2] or frame
            if len(held) > MOST_BYTES:
                notes.append("a sender was let go: its message has no end")
                return


def acknowledgement(data: bytes) -> bytes:
    """The framed answer to a message: `AA`, or `AR` for what has no MSH segment (HL7 v2 chapter 2.9)."""
    segment = data.split(b"\r", 1)[0].split(b"\n", 1)[0]
    if not segment.startswith(b"MSH") or len(segment) < 8:
        return BEGIN + b"MSH|^~\\&|BEDRAIL||||||ACK|1|P|2.5\rMSA|AR|?" + END
    bar = segment[3:4]
    fields = segment.split(bar) + [b""] * 12
    control, version = fields[9] or b"?", fields[11] or b"2.5"
    header = bar.join(
        (
            b"MSH",
            fields[1],
            b"BEDRAIL",
            b"",
            fields[2],
            fields[3],
            b"",
            b"",
            b"ACK",
            control,
            fields[10] or b"P",
            version,
        )
    )
    return BEGIN + header + b"\r" + bar.join((b"MSA", b"AA", control)) + b"\r" + END
