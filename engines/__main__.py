"""The command line: `python -m engines list`, `train`, `evaluate`, `sample`, `export`."""

from __future__ import annotations

import signal
import sys

from engines.cli.main import main

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell hides Ctrl-C from what it starts behind itself
    sys.exit(main(sys.argv[1:]))
