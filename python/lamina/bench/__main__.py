"""``python -m lamina.bench``: the same as ``lamina bench``, for a tree without the console script."""

import argparse
import sys

from lamina.bench.suite import BENCHES, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m lamina.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--against", default=None, metavar="PEERS", help="comma-separated, of torch, sklearn, numpy")
    parser.add_argument("--json", default=None, metavar="FILE", help="also write the results there")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, and without the largest shapes")
    parser.add_argument("--isa", default=None, metavar="avx2", help="lamina and all peers at this instruction set")
    arguments = parser.parse_args()
    sys.exit(run(arguments.names, arguments.against, arguments.json, arguments.quick, arguments.isa))
