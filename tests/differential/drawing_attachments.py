"""Steps about one attachment: PUT, GET with ranges and conditions, DELETE."""

from urllib.parse import quote

from tests.differential.drawing import NAMES, RAW_CONTENTS, TYPES, Draw
from tests.differential.drawing_documents import Pairs, parent
from tests.differential.steps import Step, Text

RANGES = (
    "bytes=0-3", "bytes=2-", "bytes=-3", "bytes=0-", "bytes=0-0", "bytes=100-200", "bytes=3-1", "bytes=0-1,3-4",
    "bytes=x", "bytes=",
    "bytes=0-99", "lines=0-1", "bytes=1-2, 2-3", "bytes=-1", "0-3",
)  # fmt: skip


def path_of(draw: Draw, document: int) -> str:
    """The path of an attachment."""
    name = draw.choice(NAMES)
    if draw.chance(0.03):
        return draw.path(document) + "/" + draw.choice(("a/b", "a%2Fb", "_x", "x//y", "t.txt/", "%C3%BC", "a+b"))
    return draw.path(document, plain=draw.chance(0.7)) + "/" + quote(name, safe="")


def put(draw: Draw) -> Step:
    """PUT of an attachment."""
    document = draw.document()
    query, headers, _ = parent(draw, document, 1.0)
    if draw.chance(0.6):
        query, headers = [("rev", draw.rev(document))], []
    if draw.chance(0.15):
        query, headers = [], []
    if draw.chance(0.9):
        headers = [*headers, ("Content-Type", draw.choice(TYPES))]
    if draw.chance(0.03):
        headers.append(("Content-MD5", draw.choice(("XUFAKrxLKna5cZ2REBfFkg==", "x", ""))))
    coding = draw.choice(("", "", "", "", "chunked", "gzip" if draw.chance(0.5) else ""))
    body = Text(draw.choice(RAW_CONTENTS), binary=True)
    return Step("attachment.put", "PUT", path_of(draw, document), tuple(query), tuple(headers), body, coding)


def get(draw: Draw) -> Step:
    """GET or HEAD of an attachment."""
    document = draw.document()
    query: Pairs = [("rev", draw.rev(document))] if draw.chance(0.35) else []
    headers: list[tuple[str, str]] = []
    if draw.chance(0.3):
        headers.append(("Range", draw.choice(RANGES)))
    if draw.chance(0.35):
        headers.append(
            ("Accept-Encoding", draw.choice(("gzip", "identity", "gzip, deflate", "*", "deflate", "gzip;q=0")))
        )
    if draw.chance(0.08):
        headers.append(
            ("If-None-Match", draw.choice(('"XUFAKrxLKna5cZ2REBfFkg=="', '"x"', "*", '"iMaiC8wqiFlD2NjLTemvCQ=="')))
        )
    if draw.chance(0.06):
        headers.append(("If-Match", f'"{draw.rev(document)}"'))
    return Step(
        "attachment.get", "GET" if draw.chance(0.85) else "HEAD", path_of(draw, document), tuple(query), tuple(headers)
    )


def delete(draw: Draw) -> Step:
    """DELETE of an attachment."""
    document = draw.document()
    query, headers, _ = parent(draw, document, 0.95)
    if draw.chance(0.6):
        query, headers = [("rev", draw.rev(document))], []
    return Step("attachment.delete", "DELETE", path_of(draw, document), tuple(query), tuple(headers))
