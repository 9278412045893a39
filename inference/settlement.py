"""What a list of verdicts amounts to. Pure: rows in, state out; nothing is stored here.

Every verdict is a row that stays. A row `undo` withdraws its reviewer's newest standing verdict on
the same subject. The state of a drawing or a misclassified image is always `settle(rows)`, so it
can be rebuilt at any time.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from inference.models import Drawing, Review

Verdict = Review.Verdict


class Row(Protocol):
    reviewer_id: int
    verdict: str
    label: int | None
    decides: bool


class Opinion(NamedTuple):
    """What one verdict says; two reviewers agree when their opinions are equal."""

    outcome: str
    label: int | None


@dataclass(frozen=True)
class Settlement:
    outcome: str
    label: int | None


DISPUTED = Settlement("disputed", None)
"""Enough people answered, but not enough of them the same: an administrator decides."""

# What a drawing becomes when enough reviewers say so.
STATUS_OF = {
    Verdict.CONFIRM: Drawing.Status.CONFIRMED,
    Verdict.RELABEL: Drawing.Status.CORRECTED,
    Verdict.AMBIGUOUS: Drawing.Status.AMBIGUOUS,
    Verdict.REJECT: Drawing.Status.REJECTED,
    DISPUTED.outcome: Drawing.Status.DISPUTED,
}


def standing(rows: Iterable[Row]) -> list[Row]:
    """The verdicts that count, oldest first: each reviewer's newest that no undo withdrew."""
    newest = sorted((stack[-1] for stack in _stacks(rows).values() if stack), key=lambda i: i[0])
    return [row for _, row in newest]


def blind(rows: Iterable[Row]) -> list[Row]:
    """The standing verdicts that were given without knowing the others': all but decisions."""
    given = [
        next((item for item in reversed(stack) if not item[1].decides), None)
        for stack in _stacks(rows).values()
    ]
    return [row for _, row in sorted((i for i in given if i), key=lambda item: item[0])]


def settle(rows: Iterable[Row], required: int) -> Settlement | None:
    """What all the reviews of one drawing or misclassification, oldest first, amount to.

    An administrator's newest standing decision; else the opinion that at least `required` standing
    verdicts share; else, where that many people answered, DISPUTED; else None. If several
    opinions have enough verdicts, the one with most wins; among equals the one given last.
    """
    counted = standing(rows)
    decisions = [row for row in counted if row.decides]
    if decisions:
        return Settlement(decisions[-1].verdict, decisions[-1].label)
    opinions = [Opinion(row.verdict, row.label) for row in counted]
    last = {opinion: position for position, opinion in enumerate(opinions)}
    votes = Counter(opinions)
    enough = [opinion for opinion, count in votes.items() if count >= required]
    if not enough:
        return DISPUTED if len(opinions) >= required else None
    winner = max(enough, key=lambda opinion: (votes[opinion], last[opinion]))
    return Settlement(winner.outcome, winner.label)


def _stacks(rows: Iterable[Row]) -> dict[int, list[tuple[int, Row]]]:
    """Each reviewer's verdicts that no undo withdrew, oldest first, with their positions."""
    stacks: dict[int, list[tuple[int, Row]]] = {}
    for position, row in enumerate(rows):
        stack = stacks.setdefault(row.reviewer_id, [])
        if row.verdict != Verdict.UNDO:
            stack.append((position, row))
        elif stack:
            stack.pop()
    return stacks
