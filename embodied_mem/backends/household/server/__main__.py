"""`python -m embodied_mem.backends.household.server`."""

from embodied_mem.backends.household.server.serve import main

if __name__ == "__main__":
    raise SystemExit(main())
