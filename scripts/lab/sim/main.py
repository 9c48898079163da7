"""scripts/lab/run sim APPLICATION OUT: plays one simulated application's day.

With --exchanges nothing is captured: requests and answers are written to standard output as JSON
lines, for `cargo run -p stilt-baseline --example lab`.
"""
import argparse
import importlib
import pathlib

from .behaviour import Behaviour
from .exchanges import Exchanges
from .release import WAYS, Release

APPLICATIONS = ("agentdesk", "clinic", "depot", "school", "wallet")


def main():
    """Reads the command line, plays, writes."""
    parser = argparse.ArgumentParser(prog="run sim", description=__doc__)
    parser.add_argument("application", choices=APPLICATIONS)
    parser.add_argument("out", type=pathlib.Path, nargs="?")
    parser.add_argument("--variant", help="another design of the same application")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--benign", action="store_true", help="no attacks")
    parser.add_argument("--behaviour", action="store_true",
                        help="in place of the attacks: people who behave unlike everybody")
    parser.add_argument("--days", type=int, default=1, help="with --behaviour: days in a row")
    parser.add_argument("--exchanges", action="store_true", help="write no capture but exchanges")
    parser.add_argument("--odd", type=float, default=0, metavar="SHARE",
                        help="with --exchanges: so many requests are asked once more, oddly")
    parser.add_argument("--poison", type=float, default=0, metavar="SHARE",
                        help="with --exchanges: so many odd requests more, by three people")
    parser.add_argument("--release", choices=WAYS,
                        help="with --behaviour: a release of the clients in the middle of the days")
    options = parser.parse_args()
    if not options.out and not options.exchanges:
        parser.error("a folder to write to is needed")
    module = importlib.import_module(f"scripts.lab.sim.{options.application}")
    if options.variant not in (None, *module.VARIANTS):
        parser.error(f"variants of {options.application}: {', '.join(module.VARIANTS) or 'none'}")
    attacks = not options.benign and not options.behaviour
    simulation = module.build(options.seed, options.variant, attacks)
    if options.behaviour:
        people = Behaviour(simulation, module.SENSITIVE, module.SIGNING, options.days)
        people.promoted = module.PROMOTED
        people.begin(not options.benign)
        if options.release:
            simulation.changed = Release(simulation, options.release, options.days).changed
    if options.exchanges:
        simulation.tell = Exchanges(simulation, options.odd, options.poison).tell
        simulation.play()
        return
    simulation.play()
    print(simulation.write(options.out))


if __name__ == "__main__":
    main()
