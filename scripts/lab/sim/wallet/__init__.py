"""Mobile money: 200 to everything, a code by SMS instead of a password, HS256 tokens, transfers
in three steps, phones behind a carrier's NAT. It has no variants.
"""
from ..simulation import Simulation
from . import attacks, day
from .service import Service

VARIANTS = ()
SENSITIVE = r"/transfer/execute|/admin/"  # functions that few may use
PROMOTED = ("cust", "agent")  # who may become what
SIGNING = r"/m/auth/"  # requests about credentials


def build(seed, _variant, with_attacks):
    """The day, ready to be played."""
    service = Service(seed)
    simulation = Simulation(
        "wallet", service.answer,
        'mobile money, 200 {"ok":false} to all, sign-in by code, HS256 JWT, three-step transfers',
        seed=5 + seed, attacks=with_attacks, host="api.kivo.test", server="kivo-edge")
    people = day.Day(service, simulation)
    simulation.service, simulation.begin_day = service, people.begin
    people.begin()
    attacks.begin(people)
    return simulation
