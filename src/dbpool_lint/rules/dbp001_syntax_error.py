"""A file that cannot be read, decoded or parsed.

## What it does

Reports a file that dbpool-lint cannot read: no permission, bytes that are not in the declared encoding, a
null byte, or text that is not Python. The other files are judged all the same.

## Why it matters

What stands in such a file is not seen, so a pool that is made there, or a session that it leaks, goes
unnoticed. Python could not import the file either. Syntax newer than the Python that runs dbpool-lint is no
error as long as LibCST knows it.

## Example

```python
from sqlalchemy import create_engine

engine = create_engine("postgresql://db.internal/shop"
```

## Use instead

```python
from sqlalchemy import create_engine

engine = create_engine("postgresql://db.internal/shop")
```

## Limits

One finding for each file, at the first place that cannot be understood. flake8 reports the same as its own
E999, so the plugin leaves it out.

## Sources

- The Python Language Reference, "Lexical analysis" (encoding declarations): https://docs.python.org/3/reference/lexical_analysis.html
"""

from __future__ import annotations

from dbpool_lint.model import Severity
from dbpool_lint.rules.base import Rule

rule = Rule("DBP001", "syntax-error", Severity.ERROR, __doc__ or "")
