"""What does `python -m dbpool_lint` do? The same as `dbpool-lint`."""

from __future__ import annotations

import sys

from dbpool_lint.cli import main

if __name__ == "__main__":
    sys.exit(main())
