"""From outcomes to what the tables say: every peer held against the best one that is not ours, in the same round."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from evaluation.native_peers import NATIVE_PEERS
from evaluation.results import Outcome
from evaluation.summary import Spread, spread


class Standing(NamedTuple):
    """What a peer came to in a bench."""

    value: Spread
    ratio: Spread | None
    """Times the best of the others in the same round; None if no round has both."""
    by_round: dict[int, float]
    """The ratios."""
    disturbed: bool


def standings(outcomes: Iterable[Outcome], figure: str, *, lower_is_better: bool) -> dict[str, Standing]:
    """By peer. The outcomes are of one bench."""
    rounds: dict[int, dict[str, float]] = {}
    disturbed = set()
    for outcome in outcomes:
        if outcome.values is not None:
            rounds.setdefault(outcome.cell.round, {})[outcome.cell.peer] = outcome.values[figure]
            if outcome.disturbed:
                disturbed.add(outcome.cell.peer)
    best = {number: _best(values, lower_is_better) for number, values in rounds.items()}
    made = {}
    for peer in dict.fromkeys(peer for values in rounds.values() for peer in values):
        values = {number: values[peer] for number, values in rounds.items() if peer in values}
        by_round = {number: value / limit for number, value in values.items() if (limit := best[number])}
        value = spread(values.values())
        if value is not None:
            made[peer] = Standing(value, spread(by_round.values()), by_round, peer in disturbed)
    return made


def _best(values: Mapping[str, float], lower_is_better: bool) -> float | None:
    """Of the peers that are not ours; 0 would divide nothing."""
    theirs = [value for peer, value in values.items() if peer in NATIVE_PEERS and not NATIVE_PEERS[peer].is_ours]
    return (min(theirs) if lower_is_better else max(theirs)) if theirs else None


class Overall(NamedTuple):
    """A peer over a grid of benches."""

    mean: Spread
    """Geometric mean of the benches' median ratios; the least and the most of the same in single rounds."""
    worst: float
    """Median ratio."""
    where: str
    """That was."""
    benches: int
    disturbed: bool


def overall(grid: Mapping[str, Mapping[str, Standing]]) -> dict[str, Overall]:
    """By peer. The grid: bench to peer to standing. A bench without the peer does not count for it."""
    made = {}
    for peer in NATIVE_PEERS:
        found = {bench: standing for bench, by_peer in grid.items() if (standing := by_peer.get(peer)) and standing.ratio}
        medians = {bench: standing.ratio.median for bench, standing in found.items() if standing.ratio}
        if not medians:
            continue
        complete = set.intersection(*(set(standing.by_round) for standing in found.values()))
        rounds = [geometric_mean([standing.by_round[number] for standing in found.values()]) for number in complete]
        mean = geometric_mean(medians.values())
        where = min(medians, key=lambda bench: medians[bench])
        disturbed = any(standing.disturbed for standing in found.values())
        made[peer] = Overall(Spread(mean, min([mean, *rounds]), max([mean, *rounds])), medians[where], where, len(medians), disturbed)
    return made


def geometric_mean(values: Iterable[float]) -> float:
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))
