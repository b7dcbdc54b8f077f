"""Takes a film into a memory in a process of its own, again and again, to be killed meanwhile.

Reads lines `film store`; for each it forks, tells the child's pid, how far it is, and when it is
dead.
"""

import os
import sys

from films import remember

from embodied_mem.memory.events.index import EventIndex


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
                remember(index, film, progress=tell)
            os._exit(0)
        sys.stdout.write(f"pid {pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"dead {status}\n")
        sys.stdout.flush()


main()
