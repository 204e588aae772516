"""What several tasks' ``Data`` share, so that it means and says the same everywhere."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from lamina.data import as_shares
from lamina.data.read.decoding import check_encoding
from lamina.data.text.normalize import Normalize
from lamina.options import Count, Natural, Options
from lamina.tasks.base import is_corpus

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

#: How files become text.
Encoding = Annotated[
    str | None,
    Meta(
        description="Encoding of the files (gb18030, latin-1 ...); None: UTF-8, else detected and "
        "announced.",
        extra={"metavar": "NAME"},
    ),
]

#: Texts.
NormalizeText = Annotated[
    Normalize, Meta(description="How to normalise text before it is split into tokens.")
]
MinCount = Annotated[
    Count, Meta(description="Tokens seen less often in the training part are read as unknown.")
]


class SourceData(Options, frozen=True, kw_only=True):
    """The base of a ``Data`` with one source, split by the ``fractions`` that it declares itself,
    and decoded as its ``encoding`` says: here they would come before its other fields in the
    help."""

    #: Names that ``source`` may have in place of a file.
    corpora: ClassVar[Container[str]] = ()

    source: str
    if TYPE_CHECKING:
        fractions: tuple[float, float, float]
        encoding: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        as_shares(self.fractions)
        check_encoding(self.encoding)
        if self.named:
            self.without_effect(["encoding"], f"on the corpus {self.source}")

    @property
    def named(self) -> bool:
        """Whether ``source`` is the name of a corpus; a file of that name goes before it."""
        return is_corpus(self.source, self.corpora)
