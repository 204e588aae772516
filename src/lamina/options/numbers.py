"""Numbers that options are made of."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
#: What is counted as it happens; fits into 64 bits.
Tally = Annotated[int, Meta(ge=0, le=2**63 - 1)]
#: CPU threads; many more than a machine has cores could exhaust it.
Threads = Annotated[int, Meta(ge=1, le=1024)]
#: A share of a whole that is never all of it: of units dropped, say.
Share = Annotated[float, Meta(ge=0, lt=1)]
#: What seeds numpy's and torch's generators alike.
Seed = Annotated[int, Meta(ge=0, lt=2**32)]
