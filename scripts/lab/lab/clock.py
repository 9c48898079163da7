"""Simulated time: the driver runs as fast as it can, and packet times are moved to when things were meant to happen.

Every request has a moment in the day that is played. The capture is rewritten by a rising, piecewise linear map from
real to played time with a knot at the start and the end of each request: inside a request time runs as it did, between
requests it is stretched. So think times are those of the script, and latencies are real.
"""
import bisect
import os
import struct
import tempfile

SHARED = os.path.join(tempfile.gettempdir(), "lab-clock")


class Clock:
    """Knots of the map, in order."""

    def __init__(self, start):
        self.start = start
        self.real = []
        self.played = []

    def request(self, played, begin, end):
        """Notes that a request meant for `played` ran from `begin` to `end`; gives when it is shown to start."""
        if self.played:
            played = max(played, self.played[-1] + 0.0005)
        self.real += [begin, end]
        self.played += [played, played + (end - begin)]
        return played

    def at(self, real):
        """The played time of a real moment."""
        index = bisect.bisect_right(self.real, real)
        if index == 0:
            return self.played[0] - min(0.05, self.real[0] - real) if self.real else self.start
        if index == len(self.real):
            return self.played[-1] + (real - self.real[-1])
        before, after = self.real[index - 1], self.real[index]
        share = (real - before) / (after - before) if after > before else 0.0
        return self.played[index - 1] + share * (self.played[index] - self.played[index - 1])


def rewrite(source, target, clock):
    """Writes the capture anew in played time; gives (packets, bytes, first, last)."""
    data = open(source, "rb").read()
    order, nanos = {
        0xA1B2C3D4: ("<", False), 0xA1B23C4D: ("<", True),
    }[struct.unpack_from("<I", data)[0]]
    out = bytearray(data[:24])
    at, packets, first, last = 24, 0, None, 0.0
    unit = 1e9 if nanos else 1e6
    while at + 16 <= len(data):
        seconds, fraction, length, original = struct.unpack_from(order + "IIII", data, at)
        body = data[at + 16:at + 16 + length]
        if len(body) < length:
            break
        when = max(last, clock.at(seconds + fraction / unit))
        whole = int(when)
        out += struct.pack(order + "IIII", whole, min(int((when - whole) * unit), int(unit) - 1), length, original)
        out += body
        first = when if first is None else first
        last, packets, at = when, packets + 1, at + 16 + length
    open(target, "wb").write(out)
    return packets, len(out), first, last


def senders(path):
    """Request id → address and port of the TCP peer that sent it, read from the capture."""
    data = open(path, "rb").read()
    at, found = 24, {}
    link = struct.unpack_from("<I", data, 20)[0]
    skip = {1: 14, 113: 16, 276: 20, 101: 0}[link]
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 + skip:at + 16 + length]
        at += 16 + length
        mark = packet.lower().find(b"x-request-id: ")
        if mark < 0:
            continue
        ihl = (packet[0] & 15) * 4
        name = packet[mark + 14:packet.find(b"\r\n", mark)].decode()
        address = ".".join(str(byte) for byte in packet[12:16])
        found.setdefault(name, f"{address}:{struct.unpack_from('>H', packet, ihl)[0]}")
    return found


def tell(now):
    """Lets applications of the lab know the played time."""
    with open(SHARED, "r+b" if os.path.exists(SHARED) else "wb") as file:
        file.write(struct.pack("<d", now))


def told():
    """The played time, as an application of the lab asks for it."""
    with open(SHARED, "rb") as file:
        return struct.unpack("<d", file.read(8))[0]
