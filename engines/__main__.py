"""The command line: `python -m engines list`, `train`, `evaluate`, `sample`, `export`."""

from __future__ import annotations

import sys

from engines.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
