"""Three agents of a shop for tableware: support, finance and research.

Support speaks the OpenAI dialect and calls tools over MCP; finance reads mail and pays through a
bank's API; research speaks the Anthropic dialect and reads web pages.
"""
from ..simulation import Simulation
from . import attacks, day
from .service import Service

VARIANTS = ()
SENSITIVE = r"/pay|/transfer|/refund"  # functions that few may use
PROMOTED = None  # who may become what
SIGNING = r"/login|/logout|/session"  # requests about credentials


def build(seed, _variant, with_attacks):
    """The day, ready to be played."""
    service = Service(seed)
    simulation = Simulation(
        "agentdesk", service.answer,
        "support, finance and research agents: OpenAI and Anthropic dialects, MCP, a bank's API",
        seed=13 + seed, attacks=with_attacks, host="llm.corp.test", port=8000, server="litellm",
    )
    service.simulation = simulation
    desk = day.Desk(service, simulation)
    simulation.begin_day = desk.begin
    desk.begin()
    attacks.begin(desk)
    return simulation
