"""All designs by name."""
from . import forms, keys, rest, rpc

ALL = {name: design for module in (rpc, forms, rest, keys) for name, design in module.DESIGNS.items()}
