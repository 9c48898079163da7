"""Runs an application as a process of its own, and stops it."""
import socket
import subprocess
import sys
import time


def wait_for(port):
    """Waits until something listens."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


class Running:
    """What was started."""

    def __init__(self, host, port, sensor_port, processes, gateway=None):
        self.host, self.port, self.sensor_port, self.processes = host, port, sensor_port, processes
        self.gateway = gateway

    def stop(self):
        """Ends all of it."""
        for process in reversed(self.processes):
            process.terminate()
            process.wait(20)


def python(module, *arguments):
    """Starts a module of the lab."""
    return subprocess.Popen([sys.executable, "-m", module, *map(str, arguments)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
