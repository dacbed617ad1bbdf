"""The reproduction ledger: every claim, the paper's figure, ours, and a verdict.

Claims are data (`minitorch.studies.claims`); what is ours is read from the stored
rows, and the verdict follows by a rule that was fixed with the claim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from minitorch import plots
from minitorch.cards import Picture, Table, table
from minitorch.stats import mean_interval
from minitorch.studies.store import Row

Source = Literal["paper", "code", "second hand"]
Rows = Callable[[], tuple[np.ndarray, list[Row]]]


@dataclass(frozen=True)
class Claim:
    """One claim that a study of ours puts to the test.

    Args:
        id: "chapter/name", such as "subspaces/mlp-own"; it never changes.
        chapter: file name of the notebook that shows it, without its ending.
        paper: key in the bibliography: first author, year, a word.
        text: the claim in our words.
        figure: the paper's number.
        unit: what the number counts or measures.
        where: where it stands: table, figure, section, file.
        source: whether our source for it was the paper, its code, or second hand.
        study: which study answers it.
        ours: reads the stored rows: our number for each seed, (S,), nan where a
            seed has none; and the rows that it came from. None where it was not run.
        within: reproduced when our mean is within this share of the paper's.
        partly: partly reproduced when it is within this share.
        scale: of the rows.
        why: sentences: what explains a difference, what is not as in the paper.
        needs: for a claim that was not run, what it needs and how long it takes.
        control: what a control is called, and what reads its number from the rows: a
            verdict that the control would get too says nothing for the method.
    """

    id: str
    chapter: str
    paper: str
    text: str
    figure: float
    unit: str
    where: str
    source: Source
    study: str
    ours: Rows | None
    within: float = 0.2
    partly: float = 1.0
    scale: str = "book"
    why: tuple[str, ...] = ()
    needs: str = ""
    control: tuple[str, Rows] | None = None

    @property
    def command(self) -> str:
        """What makes the rows."""
        return f"python -m minitorch.studies run {self.study} --scale {self.scale}"


def verdict(claim: Claim, ours: np.ndarray) -> str:
    """Compare the mean over seeds with the paper's number.

    How far off is counted as the larger of the two over the smaller, less one: a
    third too many and a quarter too few are the same distance. Ours of 0 or below has
    not found what the paper found more than 0 of.

    Returns:
        "reproduced", "partly" or "not"; "not reached" when a seed has no number.

    >>> claim = Claim("a/b", "", "", "", 100, "", "", "paper", "", None)
    >>> [verdict(claim, np.array([n])) for n in (110.0, 60.0, 30.0, -1.0, np.nan)]
    ['reproduced', 'partly', 'not', 'not', 'not reached']
    """
    if not np.isfinite(ours).all():
        return "not reached"
    mean = float(ours.mean())
    if claim.figure <= 0:
        raise ValueError(f"{claim.id}: a figure above 0, got {claim.figure}")
    if mean <= 0:
        return "not"
    apart = max(mean / claim.figure, claim.figure / mean) - 1
    if apart <= claim.within:
        return "reproduced"
    return "partly" if apart <= claim.partly else "not"


def claims(chapter: str | None = None) -> list[Claim]:
    """List all claims, or those of one chapter.

    Raises:
        ValueError: when no claim is of that chapter.

    >>> len(claims("03_subspaces")) <= len(claims())
    True
    """
    from minitorch.studies.claims import CLAIMS

    found = [each for each in CLAIMS if chapter in (None, each.chapter)]
    if not found:
        known = sorted({each.chapter for each in CLAIMS})
        raise ValueError(f"no claim is of chapter {chapter!r}; there are {known}")
    return found


@dataclass(frozen=True, eq=False)
class Entry:
    """A claim with what came out."""

    claim: Claim
    values: np.ndarray  # (S,), empty where it was not run
    verdict: str
    device: str

    @property
    def ours(self) -> str:
        """Mean and 95 % interval over seeds, as text."""
        there = self.values[np.isfinite(self.values)]
        if not self.values.size:
            return "not run"
        if there.size < self.values.size:
            return f"{there.size} of {self.values.size} seeds"
        return _interval(self.values)

    @property
    def control(self) -> str:
        """What the control reads, and whether it would get the same verdict; or ""."""
        if self.claim.control is None:
            return ""
        name, read = self.claim.control
        values, _ = read()
        judged = verdict(self.claim, values)
        if judged != self.verdict:
            same = f"its verdict would be *{judged}*"
        else:
            same = "it would get the same verdict, so that does not tell them apart"
        return f"The control, {name}: {_interval(values)}; {same}."

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return len(self.values)


def _interval(values: np.ndarray) -> str:
    mean, low, high = map(float, mean_interval(values))
    return f"{_short(mean)} ({_short(low)} to {_short(high)})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def entries(chapter: str | None = None) -> list[Entry]:
    """Read the stored rows and judge each claim by them.

    Raises:
        ValueError: when no claim is of that chapter, or rows are missing.

    >>> entries("03_subspaces")[0].verdict in ("reproduced", "partly", "not")
    True
    """
    found = []
    for claim in claims(chapter):
        if claim.ours is None:
            found.append(Entry(claim, np.array([]), "not run", ""))
            continue
        values, rows = claim.ours()
        devices = sorted({row["provenance"]["device"] for row in rows})
        found.append(Entry(claim, values, verdict(claim, values), ", ".join(devices)))
    return found


COLUMNS = ["claim", "paper", "ours", "seeds", "scale", "verdict"]


def ledger(chapter: str) -> Table:
    """Show a chapter's own rows of the ledger.

    Args:
        chapter: file name of its notebook, without the ending.

    Raises:
        ValueError: when no claim is of that chapter.

    >>> ledger("03_subspaces").columns
    ('claim', 'paper', 'ours', 'seeds', 'scale', 'verdict')
    """
    found = entries(chapter)
    rows = [
        [
            f"{each.claim.text}, {each.claim.unit}",
            f"{_short(each.claim.figure)}"
            + ("" if each.claim.source == "paper" else f" ({each.claim.source})"),
            each.ours,
            each.seeds or "",
            each.claim.scale if each.seeds else "",
            each.verdict,
        ]
        for each in found
    ]
    caption = "The paper's numbers and ours, 95 % intervals"
    for each in found:
        if each.control:
            caption += f". {each.claim.text}: {each.control.replace('*', '')[:-1]}"
    return table(COLUMNS, rows, caption=caption)


def strips(chapter: str) -> Picture:
    """Draw a chapter's numbers over the paper's: 1 is the paper's own number.

    Raises:
        ValueError: when no claim is of that chapter.

    >>> strips("03_subspaces").title
    '... of ... numbers are reproduced'
    """
    judged = [each for each in entries(chapter) if each.seeds]
    shown = [each for each in judged if np.isfinite(each.values).all()]
    good = sum(each.verdict == "reproduced" for each in judged)
    left = [each.claim.text for each in judged if each not in shown]
    beside = f"; not drawn, for a seed has no number: {', '.join(left)}" if left else ""
    return plots.strips(
        [each.claim.text for each in shown],
        [each.values / each.claim.figure for each in shown],
        bands=[each.claim.within for each in shown],
        title=f"{good} of {len(judged)} numbers are reproduced",
        xlabel="ours / paper's",
        note="stored runs, each dot a seed, 95 % intervals; the band is what counts "
        f"as reproduced{beside}",
    )


def page() -> str:
    """Write the book's page of the whole ledger, in Markdown.

    >>> page().splitlines()[0]
    '# The reproduction ledger'
    """
    lines = [
        "# The reproduction ledger",
        "",
        "Every claim that a chapter puts to the test: the paper's figure and where it",
        "stands, ours with its 95 % interval over seeds, and a verdict. The verdict",
        "follows from a rule that was fixed with the claim: *reproduced* when our mean",
        "is within the stated share of the paper's (as a ratio, either way), *partly*",
        "within a wider one, else *not*; *not reached* when a seed never came to the",
        "line. The page is written from the stored rows by",
        "`python -m minitorch.studies ledger`; each row can be made again by its",
        "command and checked by `python -m minitorch.studies verify NAME`.",
    ]
    for chapter in sorted({claim.chapter for claim in claims()}):
        found = entries(chapter)
        done = [each for each in found if each.seeds]
        absent = [each for each in found if not each.seeds]
        lines += ["", f"## {{doc}}`../notebooks/{chapter}`", ""]
        lines += _table(
            ["claim", "paper", "ours", "seeds, scale, device", "verdict"],
            [
                [
                    f"{each.claim.text} ({_cited(each.claim)})",
                    f"{_short(each.claim.figure)} {each.claim.unit}",
                    each.ours,
                    f"{each.seeds}, {each.claim.scale}, {each.device}",
                    f"**{each.verdict}**",
                ]
                for each in done
            ],
        )
        for study in dict.fromkeys(each.claim.study for each in done):
            of_study = [each for each in done if each.claim.study == study]
            mine = [each.claim for each in of_study]
            notes = [(claim.text, _notes(claim)) for claim in mine]
            for each, (_, own) in zip(of_study, notes, strict=True):
                own += [each.control] if each.control else []
            shared = [n for n in notes[0][1] if all(n in own for _, own in notes)]
            lines += ["", " ".join([f"**Rows of the study `{study}`.**", *shared])]
            for text, own in notes:
                if left := [note for note in own if note not in shared]:
                    lines += ["", f"*{text}:* " + " ".join(left)]
        if absent:
            lines += ["", "### Not run", ""]
            lines += _table(
                ["claim", "paper", "what it needs", "command"],
                [
                    [
                        f"{each.claim.text} ({_cited(each.claim)})",
                        f"{_short(each.claim.figure)} {each.claim.unit}. "
                        + _source(each.claim),
                        each.claim.needs,
                        f"`{each.claim.command}`" if each.claim.study else "none yet",
                    ]
                    for each in absent
                ],
            )
    return "\n".join(lines) + "\n"


def _cited(claim: Claim) -> str:
    """Name a paper by first author and year, with a link to the bibliography."""
    author, year = re.findall(r"^[a-z]+|\d{4}", claim.paper)
    return f"[{author.title()} {year}](bibliography.md)"


def _notes(claim: Claim) -> list[str]:
    share = f"Reproduced means within {100 * claim.within:.3g} %."
    return [_source(claim), share, *claim.why, f"Command: `{claim.command}`."]


def _source(claim: Claim) -> str:
    kind = {
        "paper": "The figure stands in the paper",
        "code": "The figure is from the authors' code, not checked against the paper",
        "second hand": "The figure is second hand, not checked against the paper",
    }[claim.source]
    return f"{kind}: {claim.where}."


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]
