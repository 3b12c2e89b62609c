"""How is a finding mended? Fixes as data (`recipes`), their text (`rewrite`), and putting them into files (`apply`).

`rewrite` asks one module for each kind of change: `keywords` and `removing` for arguments and dict items, `replacing`
for expressions, `awaiting`, `catching`, `rescuing`, `disposing`, `wrapping`, `entering`, `hoisting` (with `hoistable`
for whether it may). `wrapping` and `entering` ask `lasting` to where a lease is needed, `outliving` whether somebody
keeps it, `leaving` which closing the end of the block makes needless, `emptying` what becomes of the blocks around
that. These stand on `layout` and `cutting` (where does an argument go, and what goes with one), `imports` (how is a
name of another module reached, with `spelling` and `placing`), `scopes` (what does a name mean here), `lines` (how do
lines move) and `closing` (what goes when nobody has to close any more).
"""
