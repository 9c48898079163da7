"""A warehouse service for eight companies: nested paths, opaque bearer tokens, refresh tokens,
keys of machines, batches, a reverse proxy that shares its connections.

Variants: `no-content` answers changes with 204; `roles` does, and /me tells the role by name.
"""
from ..simulation import Simulation
from . import attacks, day
from .service import Service

VARIANTS = ("no-content", "roles")
SENSITIVE = r"/(billing|audit-log|export)$"  # functions that few may use
PROMOTED = ("member", "admin")  # who may become what
SIGNING = r"/oauth/"  # requests about credentials


def build(seed, variant, with_attacks):
    """The day, ready to be played."""
    service = Service(seed, variant)
    simulation = Simulation(
        "depot", service.answer,
        "nested REST for many tenants, opaque bearer, refresh tokens, batch, pooling proxy",
        seed=7 + seed, attacks=with_attacks, host="api.depot.example", proxy="10.1.0.2",
        server="uvicorn")
    service.simulation = simulation
    people = day.Day(service, simulation)
    simulation.service, simulation.begin_day = service, people.begin
    people.begin()
    attacks.begin(people)
    return simulation
