"""A comment that silences a rule which has nothing to say there.

## What it does

Reports `# noqa: DBP…` and `# dbpool: ignore[…]` comments, and single codes in them, that silence no finding;
and names in our own comments that are no rule.

## Why it matters

A suppression that outlived its reason hides the next real defect on that line.

## Example

```python
import os

from sqlalchemy import create_engine

engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True, pool_recycle=1800)  # noqa: DBP401
```

## Use instead

```python
import os

from sqlalchemy import create_engine

engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True, pool_recycle=1800)
```

## Fix safety

Safe: only the comment, or the part of it that is ours, is removed. Codes of other tools and other comments on
the line stay.

## Limits

A bare `# noqa` is never reported: other tools may need it. A code of a rule that is not selected is left
alone.

## Sources

- flake8, "Selecting and Ignoring Violations": https://flake8.pycqa.org/en/latest/user/violations.html
"""

from __future__ import annotations

from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Rule

rule = Rule("DBP002", "unused-suppression", Severity.ADVICE, __doc__ or "", Safety.SAFE)
