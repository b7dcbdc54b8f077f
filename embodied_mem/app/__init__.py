"""The composition root: the one package that knows every other."""

from embodied_mem.app.cli import run as run
