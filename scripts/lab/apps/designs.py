"""All designs by name."""
from . import forms, rest, rpc

ALL = {name: design for module in (rpc, forms, rest) for name, design in module.DESIGNS.items()}
