"""Takes a film into a memory in a process of its own, again and again, to be killed meanwhile.

Reads lines `film store`; for each it forks, tells the child's pid, how far it is, and when it is
dead. With the weights of a tiny detector as an argument, that detector looks, with a bank.
"""

import os
import sys
from functools import partial
from pathlib import Path

from films import remember

from embodied_mem.memory.events.index import EventIndex

if sys.argv[1:]:
    from named_films import remember_named

    take_in = partial(remember_named, weights=Path(sys.argv[1]))
else:
    take_in = remember


def tell(seconds: float) -> None:
    """Say how far it is."""
    sys.stdout.write(f"at {seconds}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        film, store = line.split()
        pid = os.fork()
        if pid == 0:
            with EventIndex(store) as index:
                take_in(index, film, progress=tell)
            os._exit(0)
        sys.stdout.write(f"pid {pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"dead {status}\n")
        sys.stdout.flush()


main()
