"""``python -m lamina``: the command line, for a tree without the console script."""

import sys

from lamina.cli import main

if __name__ == "__main__":
    sys.exit(main())
