"""Packets: TCP connections over Ethernet and IPv4 (RFC 791, RFC 9293), and the file they go in."""
import itertools
import struct

FIN, SYN, ACK, PSH = 0x01, 0x02, 0x10, 0x08
SEGMENT = 1400  # bytes of payload, below what an Ethernet frame takes
ETHERNET = b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00"


def address(text):
    """Four bytes of an IPv4 address."""
    return bytes(int(part) for part in text.split("."))


def checksum(header):
    """The checksum of an IPv4 header whose own field is zero."""
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Connection:
    """One TCP connection; `busy` is when its last answer ended, `last` when it was last used."""

    def __init__(self, source, source_port, target, target_port, dice):
        self.source, self.source_port = source, source_port
        self.target, self.target_port = target, target_port
        self.sent = dice.randrange(1 << 31)
        self.received = dice.randrange(1 << 31)
        self.busy = self.last = 0


class Wire:
    """All packets of a capture, with seconds since its start. TCP checksums are left at zero."""

    def __init__(self):
        self.packets = []
        self.order = itertools.count()

    def packet(self, at, conn, upstream, flags, data=b""):
        """Adds one packet, from the client where `upstream`."""
        ends = [(conn.source, conn.source_port), (conn.target, conn.target_port)]
        numbers = [conn.sent, conn.received]
        if not upstream:
            ends.reverse()
            numbers.reverse()
        acknowledged = 0 if flags == SYN else numbers[1] & 0xFFFFFFFF
        tcp = struct.pack(
            ">HHIIBBHHH", ends[0][1], ends[1][1], numbers[0] & 0xFFFFFFFF, acknowledged,
            0x50, flags, 65000, 0, 0,
        ) + data
        fields = (0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6)
        hosts = address(ends[0][0]) + address(ends[1][0])
        bare = struct.pack(">BBHHHBBH", *fields, 0) + hosts
        header = struct.pack(">BBHHHBBH", *fields, checksum(bare)) + hosts
        self.packets.append((at, next(self.order), ETHERNET + header + tcp))
        length = len(data) + (1 if flags & (SYN | FIN) else 0)
        if upstream:
            conn.sent += length
        else:
            conn.received += length

    def connect(self, at, conn):
        """The handshake, done by `at`."""
        self.packet(at - 0.0009, conn, True, SYN)
        self.packet(at - 0.0006, conn, False, SYN | ACK)
        self.packet(at - 0.0003, conn, True, ACK)

    def close(self, at, conn):
        """The client closes."""
        self.packet(at, conn, True, FIN | ACK)
        self.packet(at + 0.0002, conn, False, FIN | ACK)
        self.packet(at + 0.0004, conn, True, ACK)

    def exchange(self, at, conn, request, response, latency):
        """A request and, `latency` seconds after its start, its response; when it has ended."""
        clock = at
        for start in range(0, len(request), SEGMENT):
            self.packet(clock, conn, True, PSH | ACK, request[start:start + SEGMENT])
            clock += 0.0001
        self.packet(clock, conn, False, ACK)
        clock = max(clock, at + latency)
        for start in range(0, len(response), SEGMENT):
            self.packet(clock, conn, False, PSH | ACK, response[start:start + SEGMENT])
            clock += 0.00005
        self.packet(clock, conn, True, ACK)
        conn.busy = conn.last = clock
        return clock

    def write(self, path, epoch):
        """Writes a pcap file whose time 0 is `epoch`; its size in bytes."""
        self.packets.sort(key=lambda packet: packet[:2])
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for at, _, data in self.packets:
                micros = round((epoch + at) * 1e6)
                stamp = (micros // 1_000_000, micros % 1_000_000)
                file.write(struct.pack("<IIII", *stamp, len(data), len(data)) + data)
            return file.tell()
