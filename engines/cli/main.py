"""Words to calls: the parser, and what a failure looks like."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from engines.cli import catalogue, stored, training
from engines.errors import GenLabError
from engines.tensors import use_threads

EXAMPLE = """\
examples:
  python -m engines train realnvp --dataset moons --n-couplings 8 --data.noise 0.1 --out runs/moons
  python -m engines evaluate runs/moons
  python -m engines train realnvp --dataset moons --help     every setting of that model and that data set
"""


def main(words: Sequence[str]) -> int:
    """Carry out one command; returns the exit code: 0, or 2 for what GenLab refuses, or 130 after Ctrl-C."""
    try:
        arguments = build_parser(words).parse_args(words)
        use_threads()
        arguments.call(arguments)
    except GenLabError as error:
        print(f"{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


def build_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of these words: `train` has the options of the model and data set that they name."""
    parser = argparse.ArgumentParser(
        prog="python -m engines",
        description="GenLab without a browser: train, measure, sample and take home generative models.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    catalogue.add_list(commands)
    training.add_train(commands, words)
    stored.add_evaluate(commands)
    stored.add_sample(commands)
    stored.add_export(commands)
    return parser
