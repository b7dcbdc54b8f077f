"""Set up for all tests: Ctrl-C is heard also where a shell started them in the background.

Such a shell has its children ignore SIGINT, which the tests of interruption send.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
