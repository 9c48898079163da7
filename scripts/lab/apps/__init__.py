"""Small applications of many designs, served in the driver's own process, that share one day."""
from ..lab.server import Running
from . import designs
from .day import Day
from .host import serve

PORT = 5700


class Play:
    """One design with its day, as the driver wants a module to be."""

    def __init__(self, name, small):
        self.design = designs.ALL[name](120, small)
        self.SOFTWARE = {"server": f"{self.design.__doc__.strip()} ({self.design.SERVER})",
                         "clients": "http.client with the header orders of browsers and libraries"}

    def start(self, _out):
        """Serves the design."""
        serve(self.design, PORT)
        return Running(self.design.HOST, PORT, PORT, [], self.design.GATEWAY)

    def Day(self, stage, draw, scale):
        """The script."""
        return Day(stage, draw, scale, self.design)
