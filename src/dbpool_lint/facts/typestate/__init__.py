"""A lease's life: which states it passes through on every path of a function, and through the functions it is
given to."""
