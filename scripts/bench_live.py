"""Measures live capture: the highest rate without loss on one core, and how long an alert takes.

Two network namespaces joined by a veth pair, made and removed here; nothing leaves the machine.
tcpreplay sends on processor 0, where the kernel's receive work is done too; what is measured runs
on processor 1. Every load ends by itself. Root is needed, and tcpreplay.
"""

import calendar
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SECONDS = 6
# Packets are sent from memory, so many of a capture.
PACKETS_MAX = 400_000
# A rate between that is loss-free and one that is not is looked for until they are so near.
NEAR = 1.08
PROBES, PROBE_EVERY = 300, 0.05
TRIED = 20


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


class Wire:
    """A sender's and a receiver's namespace, joined."""

    def __init__(self):
        tag = os.getpid()
        self.far, self.near = f"stilt-far-{tag}", f"stilt-near-{tag}"

    def __enter__(self):
        for name in (self.far, self.near):
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "ga", "netns", self.far, "type", "veth", "peer", "name", "gb",
            "netns", self.near)
        for name, link in ((self.far, "ga"), (self.near, "gb")):
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            run("ip", "-n", name, "link", "set", link, "up", "promisc", "on")
            offloads = "tso off gso off gro off tx off rx off".split()
            run("ip", "netns", "exec", name, "ethtool", "-K", link, *offloads, check=False)
        return self

    def __exit__(self, *_):
        for name in (self.far, self.near):
            run("ip", "netns", "del", name, check=False)

    def at(self, name, core, *command):
        # Before all that others do on a shared machine.
        first = ["chrt", "--fifo", "10"] if shutil.which("chrt") else []
        return ["ip", "netns", "exec", name, "taskset", "-c", str(core), *first, *command]

    def send(self, capture, pps, seconds, sleeps=False):
        """Sends so many packets a second; gives how many were sent, and the rate it came to. One
        that sleeps between packets leaves its processor to others, who look at the clock there."""
        limit = pps * seconds
        command = self.at(self.far, 0, "tcpreplay", "-q", "-K", f"--limit={limit}", f"--pps={pps}",
                          *(["--timer=nano"] if sleeps else []), "-i", "ga", *(["--loop=0"] if limit > PACKETS_MAX / 2 else []), capture)
        said = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 5 + 60)
        said = said.stdout + said.stderr
        sent = re.search(r"Successful packets: *(\d+)", said)
        rate = re.search(r"([0-9.]+) pps", said)
        if not sent:
            sys.exit(f"tcpreplay: {said.strip().splitlines()[-1:]}")
        return int(sent[1]), float(rate[1]) if rate else 0.0


def cpu(pid):
    """Seconds a process has used: user and system."""
    with open(f"/proc/{pid}/stat") as text:
        fields = text.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Stilt:
    """The program, everything on, alerts to standard output."""

    name = "stilt"

    def __init__(self, wire, program, folder, threads=1, stdout=None):
        key = os.path.join(folder, "key")
        if not os.path.exists(key):
            with open(key, "w") as out:
                out.write("5a" * 32)
            os.chmod(key, 0o600)
        self.said = tempfile.TemporaryFile()
        command = wire.at(wire.near, 1, program, "watch", "-i", "gb", "--threads",
                          str(threads))
        self.child = subprocess.Popen(command, cwd=folder, env={**os.environ, "STILT_KEY_FILE": key},
                                      stdout=stdout or subprocess.DEVNULL, stderr=self.said)
        self.until(lambda: "watching" in self.text(), 30)
        time.sleep(0.3)

    def text(self):
        self.said.seek(0)
        return self.said.read().decode("utf-8", "replace")

    def until(self, so, seconds):
        end = time.monotonic() + seconds
        while not so() and self.child.poll() is None and time.monotonic() < end:
            time.sleep(0.05)

    def drained(self):
        """All that was sent has been read: it has nothing to do any more."""
        before, end = cpu(self.child.pid), time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.5)
            now = cpu(self.child.pid)
            if now - before < 0.05:
                return
            before = now

    def end(self):
        """Packets read, and what was not seen of them."""
        self.drained()
        used = cpu(self.child.pid)
        self.child.send_signal(signal.SIGINT)
        self.child.wait(timeout=60)
        text = self.text().replace(",", "")
        read = re.search(r"saw +(\d+) packets", text)
        if not read:
            sys.exit(f"stilt: {text.strip()}")
        lost = sum(int(count) for count in re.findall(
            r"(\d+) (?:packets dropped by the|packets of them|flows left out)", text))
        return int(read[1]), lost, used


class Tcpdump:
    """Writes packets to nowhere: what reading them costs at the least."""

    name = "tcpdump"

    def __init__(self, wire, *_):
        self.said = tempfile.TemporaryFile()
        command = wire.at(wire.near, 1, "tcpdump", "-i", "gb", "-n", "-s", "0", "-B", "131072", "-w",
                          "/dev/null", "-Z", "root")
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.said)
        time.sleep(1.5)

    def end(self):
        time.sleep(1.5)
        used = cpu(self.child.pid)
        self.child.send_signal(signal.SIGINT)
        self.child.wait(timeout=60)
        self.said.seek(0)
        text = self.said.read().decode("utf-8", "replace")
        count = {what: int(number) for number, what in
                 re.findall(r"(\d+) packets? (captured|dropped by kernel)", text)}
        return count.get("captured", 0), count.get("dropped by kernel", 0), used


class Suricata:
    """With its own configuration and no rules."""

    name = "suricata"

    def __init__(self, wire, _, folder):
        self.log = os.path.join(folder, "suricata.log")
        command = wire.at(wire.near, 1, "suricata", "-S", "/dev/null", "-k", "none", "-l", folder,
                          "--af-packet=gb", "--runmode", "workers")
        with open(self.log, "w") as out:
            self.child = subprocess.Popen(command, stdout=out, stderr=out)
        end = time.monotonic() + 60
        while "Engine started" not in open(self.log).read() and time.monotonic() < end:
            time.sleep(0.2)

    def end(self):
        time.sleep(3)
        used = cpu(self.child.pid)
        self.child.send_signal(signal.SIGINT)
        self.child.wait(timeout=120)
        text = open(self.log).read()
        total = lambda what: sum(int(n) for n in re.findall(rf"{what}: (\d+)", text))
        return total("packets"), total("drops"), used


def loss_free(wire, what, program, folder, capture, first):
    """The highest rate at which all is seen, found by doubling and halving."""
    tried = {}

    def holds(pps):
        receiver = what(wire, program, folder)
        sent, rate = wire.send(capture, pps, SECONDS)
        read, lost, used = receiver.end()
        good = read >= sent and lost == 0
        tried[pps] = (good, rate)
        print(f"  {what.name:9} {pps:8} pps asked, {rate:9.0f} sent: {read} of {sent} read, "
              f"{lost} lost, {used / SECONDS:4.0%} of a core{'' if good else '  LOSS'}", flush=True)
        return good, rate

    low, high, pps = 0, None, first
    while high is None or high / max(low, 1) > NEAR:
        good, rate = holds(pps)
        if good and rate < pps * 0.9:
            return rate, True
        low, high = (pps, high) if good else (low, pps)
        if high is not None and high < 500:
            return 0, False
        pps = low * 2 if high is None else (low + high) // 2 if low else high // 2
    return low, False


def frames_of(probe):
    """Sign-ins of one address at one service, which tries other people's passwords."""
    near, host = 0x0A420000 + probe, f"probe{probe}.lab"
    server = (0x0AC80000 + probe, 80)
    for tried in range(TRIED):
        ends = ((near, 40_000 + tried), server)
        body = b'{"username":"victim%d","password":"stolen%d"}' % (probe * 100 + tried, tried)
        ask = (b"POST /api/v2/signin HTTP/1.1\r\nHost: %s\r\nUser-Agent: tool/%d\r\n"
               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
               % (host.encode(), probe, len(body), body))
        said = b'{"error":"wrong name or password"}'
        say = (b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"
               b"Content-Length: %d\r\n\r\n%s" % (len(said), said))
        yield frame(*ends, 1, 0, 2)
        yield frame(*reversed(ends), 1, 2, 18)
        yield frame(*ends, 2, 2, 24, ask)
        yield frame(*reversed(ends), 2, 2 + len(ask), 24, say)
        yield frame(*ends, 2 + len(ask), 2 + len(say), 17)
        yield frame(*reversed(ends), 2 + len(say), 3 + len(ask), 17)


def frame(source, target, seq, ack, flags, data=b""):
    (near, port), (far, service) = source, target
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 40 + len(data), seq & 0xFFFF, 0x4000, 64, 6, 0, near, far)
    tcp = struct.pack(">HHIIBBHHH", port, service, seq, ack, 0x50, flags, 64240, 0, 0)
    return b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + ip + tcp + data


def hurry(priority):
    """Lets this thread run before others: who looks at the clock must not wait for a processor."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        print("no real-time priority here: waiting for a processor counts as latency")


def probe():
    """The part that sends attacks, one after the other, in the sender's namespace."""
    hurry(20)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("ga", 0))
    for number in range(PROBES):
        for one in frames_of(number):
            wire.send(one)
        time.sleep(PROBE_EVERY)


def nanos(text):
    """Nanoseconds since 1970 of `2026-11-22T10:15:02.125401Z`."""
    whole, _, rest = text.rstrip("Z").partition(".")
    seconds = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    return calendar.timegm(seconds) * 10**9 + int((rest or "0").ljust(9, "0"))


def latency(wire, program, folder, capture, pps):
    """From the last byte of the response that an alert tells of to the alert on standard output."""
    stilt = Stilt(wire, program, folder, stdout=subprocess.PIPE)
    came = []

    def read():
        hurry(30)
        for line in stilt.child.stdout:
            came.append((time.time_ns(), line))
    reader = threading.Thread(target=read)
    reader.start()
    seconds = int(PROBES * PROBE_EVERY) + 2
    sender = threading.Thread(target=wire.send, args=(capture, pps, seconds, True))
    sender.start()
    time.sleep(1)
    subprocess.run(wire.at(wire.far, 0, sys.executable, os.path.abspath(__file__), "--probe"),
                   check=True, timeout=300)
    sender.join()
    _, lost, _ = stilt.end()
    reader.join()
    took = []
    for at, line in came:
        alert = json.loads(line)
        if alert.get("rule", {}).get("id") == "ato.credential_stuffing" and \
                ".lab" in alert["url"]["domain"]:
            took.append((at - nanos(alert["event"]["end"])) / 1e6)
    took.sort()
    if not took:
        sys.exit("no alert was raised by the attacks")
    at = lambda share: took[min(len(took) - 1, int(len(took) * share))]
    print(f"alerts at {pps} pps: {len(took)} timed, p50 {at(.5):.2f} ms, p90 {at(.9):.2f} ms, "
          f"p99 {at(.99):.2f} ms, at most {took[-1]:.2f} ms; {lost} packets lost")


def live(program, capture, first):
    if os.geteuid() != 0:
        sys.exit("root is needed, for network namespaces")
    for tool in ("tcpreplay", "taskset", "ip"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing")
    if (os.cpu_count() or 1) < 2:
        sys.exit("two processors are needed: one sends, one receives")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    rates = {}
    with Wire() as wire, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        part = os.path.join(folder, "part.pcap")
        head(capture, part)
        for what in (Tcpdump, Suricata, Stilt):
            if what is not Stilt and not shutil.which(what.name):
                print(f"  {what.name} is not installed: not measured")
                continue
            rates[what.name], sender = loss_free(wire, what, program, folder, part, first)
            note = " (the sender's limit)" if sender else ""
            print(f"{what.name}: {rates[what.name]:.0f} packets a second without loss{note}")
        if "suricata" in rates and rates["suricata"]:
            print(f"stilt: {rates['stilt'] / rates['suricata']:.1f} times Suricata's rate")
        half = max(int(rates["stilt"] / 2), 100)
        latency(wire, program, folder, part, half)
    return 0


def head(capture, to):
    """The first packets of a capture file, so that they can be sent from memory."""
    with open(capture, "rb") as source, open(to, "wb") as out:
        out.write(source.read(24))
        for _ in range(PACKETS_MAX):
            record = source.read(16)
            if len(record) < 16:
                break
            out.write(record + source.read(struct.unpack("<IIII", record)[2]))


if __name__ == "__main__" and sys.argv[1:] == ["--probe"]:
    probe()
