"""`embodied-mem name`: what things of a stored memory are called, told by a person."""

from rich.table import Table

from embodied_mem.app.ask import store_folder
from embodied_mem.app.commands import Name
from embodied_mem.app.console import console, plain
from embodied_mem.errors import NamingError
from embodied_mem.memory import Memory
from perception.naming import teach


def name_object(command: Name) -> int:
    """Teach or forget a name, or list all."""
    folder = store_folder(command.store)
    if command.name is None:
        with Memory.open(folder, read_only=True) as memory:
            console.print(_table(memory))
        return 0
    if (command.object_id is None) != command.forget:
        raise NamingError(
            f"`name {command.store} {command.name}` needs the id of an object, or `--forget`. "
            "`embodied-mem ask` lists ids."
        )
    with Memory.open(folder) as memory:
        if command.object_id is None:
            memory.unteach(command.name)
            console.print(f"forgot what {plain(command.name)} looks like.")
        else:
            name = teach(memory, command.name, command.object_id)
            views = len(memory.names.views(name))
            console.print(
                f"{plain(command.object_id)} is called {plain(name)}, "
                f"which is known by {views} view{'s' * (views > 1)}."
            )
    return 0


def _table(memory: Memory) -> Table:
    table = Table()
    for heading in ("name", "views", "objects"):
        table.add_column(heading)
    for name in sorted(memory.names.table):
        called = [k.object_id for k in memory.known() if k.label == name]
        table.add_row(plain(name), str(len(memory.names.views(name))), plain(", ".join(called)))
    return table
