"""A revision tree as an SVG picture.

Owns geometry and colours. Time goes from left to right: a column for every generation that is shown, a lane for every
chain, the winner's on top; chains that are over before another begins share a lane. Its size is bounded by what
``tree_layout.py`` shows. The picture stands alone: no script, no link, no font, and colours for light and dark pages.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from docstore.core.drawing.tree_layout import Chain, Fold, Layout, lay_out
from docstore.core.drawing.tree_view import FOR_MERGING, TreeView, printable
from docstore.core.rev import Rev

MAX_LEAVES: Final = 32
STEP: Final = 88
GAP: Final = 128
"""Between columns of neighbouring generations, and of others, where "990 revisions" must fit."""

LANE: Final = 60
LEFT: Final = 64
TOP: Final = 96
RIGHT: Final = 96
RADIUS: Final = 8
SMALLEST: Final = 420
LABEL_CHARACTERS: Final = 13
TITLE_CHARACTERS: Final = 60
HASH_SHOWN: Final = 6

STYLE: Final = (
    "text{font:11px ui-monospace,monospace;fill:#333;text-anchor:middle}"
    ".title,.sum,.note{text-anchor:start}.title{font-size:15px;font-weight:bold}.sum,.note,.fold{fill:#777}"
    "path{fill:none;stroke:#999;stroke-width:2}path.folded{stroke-dasharray:2 5}"
    "circle{fill:#fff;stroke:#777;stroke-width:2}.gone circle{stroke-dasharray:3 2}"
    ".winner circle{fill:#2a9d4a;stroke:#2a9d4a}.conflict circle{fill:#e08a00;stroke:#e08a00}"
    ".deleted circle{fill:#bbb;stroke:#bbb}.state{font-weight:bold}"
    "@media(prefers-color-scheme:dark){svg{background:#181818}text{fill:#ddd}.sum,.note,.fold{fill:#999}"
    "circle{fill:#181818}}"
)


class Place(NamedTuple):
    """The middle of a revision's circle."""

    x: int
    y: int


def draw_svg(view: TreeView) -> str:
    """The picture as an SVG document."""
    layout = lay_out(view.tree, max_leaves=MAX_LEAVES)
    columns = _columns(layout)
    lanes = _lanes(layout, columns)
    places = {
        item: Place(columns[item.generation], TOP + LANE * lane)
        for chain, lane in zip(layout.chains, lanes, strict=True)
        for item in chain.items
        if isinstance(item, Rev)
    }
    width = max(max(columns.values()) + RIGHT, SMALLEST)
    height = TOP + LANE * max(lanes) + LANE + (20 if layout.hidden else 0)
    title, summary = _escape(_shortened(view.id, TITLE_CHARACTERS)), _escape(view.summary())
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{title}: {summary}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="20" y="28">{title}</text><text class="sum" x="20" y="48">{summary}</text>',
    ]
    for chain in layout.chains:
        parts += _lines(chain, places)
    parts += (_revision(view, rev, place) for rev, place in places.items())
    if layout.hidden:
        parts.append(f'<text class="note" x="20" y="{height - 12}">{layout.hidden:,} more leaves are not shown</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


# --- geometry ---------------------------------------------------------------------------------------------------


def _columns(layout: Layout) -> Mapping[int, int]:
    """Generation -> x, of all generations that are shown."""
    shown = {item.generation for chain in layout.chains for item in chain.items if isinstance(item, Rev)}
    columns: dict[int, int] = {}
    before: int | None = None
    x = LEFT
    for generation in sorted(shown):
        if before is not None:
            x += STEP if generation == before + 1 else GAP
        columns[generation] = x
        before = generation
    return columns


def _lanes(layout: Layout, columns: Mapping[int, int]) -> list[int]:
    """The lane of each chain: below that of its fork, the first that is free from there to its leaf."""
    taken: list[list[tuple[int, int]]] = []
    lanes: list[int] = []
    for chain in layout.chains:
        start = columns[(chain.fork or _end(chain, 0)).generation]
        end = columns[_end(chain, -1).generation] + STEP
        lane = 0 if chain.base is None else lanes[chain.base] + 1
        while lane < len(taken) and any(start < other_end and other < end for other, other_end in taken[lane]):
            lane += 1
        taken += ([] for _ in range(lane + 1 - len(taken)))
        taken[lane].append((start, end))
        lanes.append(lane)
    return lanes


def _end(chain: Chain, which: int) -> Rev:
    """The first or last item of a chain, which is never folded."""
    item = chain.items[which]
    if isinstance(item, Fold):
        raise TypeError("a chain begins and ends with a revision")
    return item


# --- drawing ----------------------------------------------------------------------------------------------------


def _lines(chain: Chain, places: Mapping[Rev, Place]) -> Iterator[str]:
    """What connects the revisions of a chain, and the chain with its fork."""
    first = places[_end(chain, 0)]
    if chain.fork is not None:
        fork = places[chain.fork]
        yield f'<path d="M{fork.x} {fork.y}C{fork.x} {first.y} {fork.x} {first.y} {first.x} {first.y}"/>'
    elif _end(chain, 0).generation > 1:
        yield f'<path class="folded" d="M{first.x - LEFT // 2} {first.y}H{first.x}"/>'
    at = first
    folded: Fold | None = None
    for item in chain.items[1:]:
        if isinstance(item, Fold):
            folded = item
            continue
        place = places[item]
        style = ' class="folded"' if folded else ""
        yield f'<path{style} d="M{at.x} {at.y}H{place.x}"/>'
        if folded:
            middle = (at.x + place.x) // 2
            yield f'<text class="fold" x="{middle}" y="{place.y + 14}">{folded.length:,} revisions</text>'
        at, folded = place, None


def _revision(view: TreeView, rev: Rev, place: Place) -> str:
    state = view.state(rev)
    stored = view.is_stored(rev)
    body = {True: "body stored", FOR_MERGING: "body kept for merging", False: "body not stored here", None: ""}[
        view.availability(rev)
    ]
    seq = view.tree.nodes[rev].seq if view.stored is not None else 0
    told = "; ".join(part for part in (str(state), body, f"seq {seq}" if seq else "", view.authorship(rev)) if part)
    classes = " ".join(part for part in (str(state), "gone" if stored is False else "") if part)
    word = f'<text class="state" x="{place.x}" y="{place.y + 22}">{state}</text>' if state else ""
    label = _escape(_shortened(f"{rev.generation}-{rev.id_text[:HASH_SHOWN]}", LABEL_CHARACTERS))
    return (
        f'<g class="{classes}"><title>{_escape(printable(str(rev)))}{": " if told else ""}{_escape(told)}</title>'
        f'<circle cx="{place.x}" cy="{place.y}" r="{RADIUS}"/>'
        f'{word}<text x="{place.x}" y="{place.y - 14}">{label}</text></g>'
    )


def _shortened(text: str, length: int) -> str:
    text = printable(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
