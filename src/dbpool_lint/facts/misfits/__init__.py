"""Which options does a pool, dialect or driver refuse or ignore? Path by path through the code."""
