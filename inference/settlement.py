"""What a list of verdicts amounts to. Pure: rows in, state out; nothing is stored here.

Every verdict is a row that stays. A row `undo` withdraws its reviewer's newest standing verdict on
the same subject. The state of a drawing is always `settle(rows)`, so it can be rebuilt at any time.
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


class Opinion(NamedTuple):
    """What one verdict says; two reviewers agree when their opinions are equal."""

    outcome: str
    label: int | None


@dataclass(frozen=True)
class Settlement:
    outcome: str
    label: int | None


# What a drawing becomes when enough reviewers say so.
STATUS_OF = {
    Verdict.CONFIRM: Drawing.Status.CONFIRMED,
    Verdict.RELABEL: Drawing.Status.CORRECTED,
    Verdict.AMBIGUOUS: Drawing.Status.AMBIGUOUS,
    Verdict.REJECT: Drawing.Status.REJECTED,
}


def standing(rows: Iterable[Row]) -> list[Row]:
    """The verdicts that count, oldest first: each reviewer's newest that no undo withdrew."""
    stacks: dict[int, list[tuple[int, Row]]] = {}
    for position, row in enumerate(rows):
        stack = stacks.setdefault(row.reviewer_id, [])
        if row.verdict == Verdict.UNDO:
            if stack:
                stack.pop()
        else:
            stack.append((position, row))
    newest = sorted((stack[-1] for stack in stacks.values() if stack), key=lambda item: item[0])
    return [row for _, row in newest]


def settle(rows: Iterable[Row], required: int) -> Settlement | None:
    """The opinion that at least `required` standing verdicts share; None while there is none.

    `rows` are all the reviews of one drawing or misclassification, oldest first. If several
    opinions have enough verdicts, the one with most wins; among equals the one given last.
    """
    opinions = [Opinion(row.verdict, row.label) for row in standing(rows)]
    last = {opinion: position for position, opinion in enumerate(opinions)}
    votes = Counter(opinions)
    enough = [opinion for opinion, count in votes.items() if count >= required]
    if not enough:
        return None
    winner = max(enough, key=lambda opinion: (votes[opinion], last[opinion]))
    return Settlement(winner.outcome, winner.label)
