"""``docs/claims.md``, made of the findings that are kept beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lamina.store.atomic import write_text
from measured.results.finding import Claim, Finding, Kept

#: Where the scripts are, one a claim.
STUDIES = Path(__file__).parents[2]
HEAD = """# Common claims about depth, tested

Textbooks, forums and advice columns repeat these claims about deep recurrent networks. Here each
one is tested on data that two cores can train on, with at least five seeds per setting. Each claim
comes with the rule that turns its figures into a verdict. A verdict applies to these data and sizes
only.

Intervals are 95% intervals, not corrected for multiple comparisons: if nothing differs, one in
twenty excludes 0 by chance. Intervals of means, and of differences between pairs that share a draw
of the data, are Student's t; those of other differences are Welch's; exceptions are noted under
*Setting*. Learning rates were chosen on the validation set, with seeds that are also used in the
figures.

**What is wrong with this page.** Deep networks are plain stacks here, unless a section says
otherwise, and were trained for few epochs. Where they fall behind, that shows how hard plain stacks
are to train in a few steps, not how deep a network should be. Each learning rate is the best of a
few, often of two, and a higher or lower one can turn a small gain of depth around. Unless the data
are drawn anew for each seed, all seeds share one split, and no interval covers what another split
would change. So claims 10 and 11, which ask how deep a network should be, are **open**. All claims
will be measured again on networks that train at every depth.

```sh
make studies                              # all of them; can be stopped and resumed
python studies/{first}.py     # one of them
```
"""
#: Claims whose figures do not answer their question, by number, and why.
OPEN = {
    10: "All networks were still improving when training ended, after three epochs.",
    11: "Networks of many layers had barely learned when training ended, and on some data sets no"
    " depth came near this project's own results (results.md): on IMDB 77% against 89.6%, on"
    " Multi30k 14 BLEU against 36.",
}


def read(docs: Path) -> list[Kept]:
    """All findings in ``docs/claims``, in the order of their numbers."""
    files = sorted((docs / "claims").glob("*.json"))
    return [msgspec.json.decode(file.read_bytes(), type=Kept) for file in files]


def write(docs: Path) -> None:
    """Generate ``docs/claims.md``."""
    write_text(docs / "claims.md", render(read(docs)))


def render(findings: Sequence[Kept]) -> str:
    """The page."""
    first = f"claim_{findings[0].claim.stem}" if findings else "claim_01"
    minutes = sum(kept.core_minutes for kept in findings)
    rows = "\n".join(
        f"| {claim.number} | [{claim.title}](#{_anchor(claim)}) | **{_verdict(claim, finding)}** |"
        for claim, finding in ((kept.claim, kept.finding) for kept in findings)
    )
    parts = [
        HEAD.format(first=first),
        f"| | claim | verdict |\n|---:|---|---|\n{rows}\n",
        *_not_yet(findings),
        _wrap(
            f"All training runs and timings took {minutes:,.0f} core-minutes"
            f" ({_versions(findings)})."
        )
        + "\n",
        *(section(k.claim, k.finding, image=f"claims/{k.claim.stem}.svg") for k in findings),
    ]
    return "\n".join(parts)


def section(claim: Claim, finding: Finding, image: str | None = None) -> str:
    """One claim: what is said, the verdict, the picture, the figures, how they were made."""
    quoted = textwrap.indent(_wrap(claim.says, 98), "> ")
    parts = [
        f"## {_heading(claim)}",
        quoted,
        _wrap(_opening(claim, finding)),
        f"![{claim.title}]({image})" if image else "",
        *(table.markdown() for table in finding.tables),
        _wrap(f"*Rule.* {finding.rule}"),
        _wrap(f"*Setting.* {finding.setting}"),
        _wrap(f"*Limits.* {finding.limits}") if finding.limits else "",
        _wrap(f"*Sources.* {' '.join(claim.sources)}"),
        f"`python studies/claim_{claim.stem}.py`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(claim: Claim, finding: Finding) -> str:
    return "open" if claim.number in OPEN else finding.verdict


def _opening(claim: Claim, finding: Finding) -> str:
    """The verdict and its reasons; of an open claim, why it is open, and what was measured."""
    verdict = _verdict(claim, finding)
    why = f"{OPEN[claim.number]} What was measured: " if claim.number in OPEN else ""
    return f"**{verdict[0].upper()}{verdict[1:]}.** {why}{finding.because}"


def _not_yet(findings: Sequence[Kept]) -> list[str]:
    """The scripts without a stored finding."""
    kept = {f"claim_{finding.claim.stem}.py" for finding in findings}
    missing = sorted(f.name for f in STUDIES.glob("claim_*.py") if f.name not in kept)
    return [_wrap(f"Not measured yet: {', '.join(missing)}.") + "\n"] if missing else []


def _heading(claim: Claim) -> str:
    return f"{claim.number}. {claim.title}"


def _anchor(claim: Claim) -> str:
    """As GitHub makes it of a heading."""
    kept = (c for c in _heading(claim).lower() if c.isalnum() or c in " -_")
    return "".join(kept).replace(" ", "-")


def _versions(findings: Sequence[Kept]) -> str:
    every = dict(pair for kept in findings for pair in kept.versions.items())
    return ", ".join(f"{name} {value}" for name, value in every.items())


def _wrap(text: str, width: int = 100) -> str:
    return textwrap.fill(
        " ".join(text.split()), width, break_long_words=False, break_on_hyphens=False
    )
