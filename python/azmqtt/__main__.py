"""``python -m azmqtt``."""

import sys

from azmqtt._cli import main

if __name__ == "__main__":
    sys.exit(main())
