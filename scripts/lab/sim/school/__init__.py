"""A school: JSON, cookie sessions, integer ids, a whole school behind one address, a directory
that fails for ten minutes, a head who acts as others.

Variant: `role` names the leaf that holds the role `role`, not `kind`.
"""
from ..simulation import Simulation
from . import attacks, day
from .service import Service

VARIANTS = ("role",)
SENSITIVE = r"/contact$|/export/|/staff/"  # functions that few may use
PROMOTED = ("pupil", "teacher")  # who may become what
SIGNING = r"/api/(login|logout|password|impersonate)"  # requests about credentials


def build(seed, variant, with_attacks):
    """The day, ready to be played."""
    service = Service(seed, variant or "kind")
    simulation = Simulation(
        "school", service.answer,
        "JSON, cookie sessions, integer ids, one address for a school, outage, impersonation",
        seed=8 + seed, attacks=with_attacks, host="schule.test", port=80, server="nginx/1.27",
        start="2026-11-23T07:30:00")
    service.simulation = simulation
    people = day.Day(service, simulation)
    simulation.service, simulation.begin_day = service, people.begin
    people.begin()
    attacks.begin(people)
    return simulation
