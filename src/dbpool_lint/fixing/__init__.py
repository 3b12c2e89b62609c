"""How is a finding mended? Fixes as data (`recipes`), their text (`rewrite`), and putting them into files (`apply`).

`rewrite` asks one module for each kind of change: `keywords`, `awaiting`, `wrapping`, `hoisting`. These stand on
`layout` (where does one more argument go), `imports` (how is a name of another module reached), `scopes` (what does a
name mean here), `lines` (how do lines move) and `closing` (what goes when nobody has to close any more).
"""
