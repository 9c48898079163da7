"""scripts/lab/run sim APPLICATION OUT: plays one simulated application's day."""
import argparse
import importlib
import pathlib

from .behaviour import Behaviour

APPLICATIONS = ("agentdesk", "clinic", "depot", "school", "wallet")


def main():
    """Reads the command line, plays, writes."""
    parser = argparse.ArgumentParser(prog="run sim", description=__doc__)
    parser.add_argument("application", choices=APPLICATIONS)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--variant", help="another design of the same application")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--benign", action="store_true", help="no attacks")
    parser.add_argument("--behaviour", action="store_true",
                        help="in place of the attacks: people who behave unlike everybody")
    options = parser.parse_args()
    module = importlib.import_module(f"scripts.lab.sim.{options.application}")
    if options.variant not in (None, *module.VARIANTS):
        parser.error(f"variants of {options.application}: {', '.join(module.VARIANTS) or 'none'}")
    attacks = not options.benign and not options.behaviour
    simulation = module.build(options.seed, options.variant, attacks)
    if options.behaviour:
        Behaviour(simulation, module.SENSITIVE, module.SIGNING).begin(not options.benign)
    simulation.play()
    print(simulation.write(options.out))


if __name__ == "__main__":
    main()
