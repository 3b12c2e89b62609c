"""How is a finding mended? Fixes as data (`recipes`), their text (`rewrite`), and putting them into files (`apply`).

`rewrite` asks one module for each kind of change: `keywords` and `removing` for arguments and dict items, `replacing`
for expressions, `awaiting`, `catching`, `disposing`, `wrapping`, `hoisting` (with `hoistable` for whether it may).
These stand on `layout` and `cutting` (where does an argument go, and what goes with one), `imports` (how is a name of
another module reached, with `spelling` and `placing`), `scopes` (what does a name mean here), `lines` (how do lines
move) and `closing` (what goes when nobody has to close any more).
"""
