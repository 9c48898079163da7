"""A French clinic's portal: pages and forms, a session before sign-in, a code for staff, ids that
are words and numbers.

Variant: `code-elsewhere` asks for the code outside the path of the sign-in.
"""
from ..simulation import Simulation
from . import attacks, day
from .service import Service

VARIANTS = ("code-elsewhere",)
SENSITIVE = r"/administration"  # functions that few may use
PROMOTED = ("patient", "secretaire")  # who may become what
SIGNING = r"connexion|/reinitialiser|mot-de-passe|/code"  # requests about credentials


def build(seed, variant, with_attacks):
    """The day, ready to be played."""
    service = Service(seed, "/verification-otp" if variant else "/connexion/code")
    simulation = Simulation(
        "clinic", service.answer,
        "French pages and forms, session cookie, code for staff, composite ids",
        seed=9 + seed, attacks=with_attacks, host="portail.clinique-tilleuls.test", port=80,
        server="Apache/2.4.62")
    service.simulation = simulation
    people = day.Day(service, simulation)
    simulation.service, simulation.begin_day = service, people.begin
    people.begin()
    attacks.begin(people)
    return simulation
