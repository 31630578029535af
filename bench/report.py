"""Collects figures and prints them as one Markdown table."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: the work, its unit, and what each server reached (absent where it was not asked).

    ``less_is_better`` is for times and sizes: the ratio is then theirs over ours.
    """

    work: str
    unit: str
    figures: Mapping[str, float]
    less_is_better: bool = False


def markdown(rows: list[Row]) -> str:
    """The table. Ratios are docstore against each other server, so that above 1 is always in docstore's favour."""
    others = sorted({name for row in rows for name in row.figures} - {"docstore"})
    head = ["work", "unit", "docstore"]
    for name in others:
        head += [name, "ratio"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        ours = row.figures["docstore"]
        cells = [row.work, row.unit, _figure(ours)]
        for name in others:
            theirs = row.figures.get(name)
            cells += ["", ""] if theirs is None else [_figure(theirs), _ratio(ours, theirs, row.less_is_better)]
        lines.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _figure(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ratio(ours: float, theirs: float, less_is_better: bool) -> str:
    above, below = (theirs, ours) if less_is_better else (ours, theirs)
    return f"{above / below:.2f}" if below else "-"
