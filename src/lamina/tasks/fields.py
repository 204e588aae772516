"""Fields that several tasks' ``Data`` share, so that they mean and say the same everywhere."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lamina.data.text.normalize import Normalize
from lamina.options import Count, Natural

#: Parts of the data. The defaults differ, the meaning does not.
Validation = Annotated[
    str | None, Meta(description="A file with the validation part; None: split it from source.")
]
Test = Annotated[
    str | None, Meta(description="A file with the test part; None: split it from source.")
]
Fractions = Annotated[
    tuple[float, float, float],
    Meta(
        description="Shares of train, validation and test; a part that the data defines takes none."
    ),
]
SplitSeed = Annotated[
    Natural, Meta(description="Random seed of the split, which keeps duplicates together.")
]

#: Texts.
NormalizeText = Annotated[
    Normalize, Meta(description="How to normalise text before it is split into tokens.")
]
MinCount = Annotated[
    Count, Meta(description="Tokens seen less often in the training part are read as unknown.")
]
