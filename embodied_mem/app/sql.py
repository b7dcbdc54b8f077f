"""`embodied-mem sql`: questions in SQL to a stored memory."""

import msgspec
from rich.table import Table

from embodied_mem.app.ask import store_folder
from embodied_mem.app.commands import Sql
from embodied_mem.app.console import console, plain
from embodied_mem.errors import ConfigError
from embodied_mem.memory.sql import QueryLimits, SqlReader
from embodied_mem.memory.sql_views import View


def ask_sql(command: Sql) -> int:
    """Print the rows that a SELECT gives, or which views there are."""
    if command.limit < 1 or command.seconds <= 0:
        raise ConfigError("`--limit` must be at least 1, and `--seconds` above 0.")
    limits = QueryLimits(rows=command.limit, seconds=command.seconds)
    with SqlReader(store_folder(command.store), limits) as reader:
        if command.query is None:
            console.print(_schema(reader.views))
            return 0
        found = reader(command.query)
    if command.json:
        console.print_json(msgspec.json.encode(found).decode())
        return 0
    table = Table()
    for name in found.columns:
        table.add_column(plain(name))
    for row in found.rows:
        table.add_row(*("" if value is None else plain(str(value)) for value in row))
    console.print(table)
    if not found.complete:
        console.print(f"[yellow]only the first {len(found.rows)} rows[/]; there are more")
    return 0


def _schema(views: tuple[View, ...]) -> Table:
    table = Table(show_lines=True)
    for name in ("view", "what", "columns"):
        table.add_column(name)
    for view in views:
        columns = "\n".join(plain(f"{name}: {text}") for name, text in view.columns.items())
        table.add_row(view.name, plain(view.about), columns)
    return table
