"""dbpool-lint: what does a Python project do to its database connection pools, and what will break?"""

from __future__ import annotations

__version__ = "0.1.0"
