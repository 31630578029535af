"""Steps made wrong or odd: another method, an odd header, a spoiled body, a parameter twice, a path a little off."""

from dataclasses import replace

from tests.differential.drawing import Draw
from tests.differential.drawing_documents import RAW_BODIES
from tests.differential.steps import Json, Step, Text, dumps

METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS", "PATCH", "FOO", "get", "TRACE", "MOVE")
HEADERS = (
    ("Accept", "text/plain"), ("Accept", "multipart/mixed"), ("Accept", "multipart/related"), ("Accept", ""),
    ("Accept", "x"),
    ("Content-Type", "text/plain"), ("Content-Type", ""), ("Content-Type", "application/json; charset=utf-8"),
    ("Content-Type", "x"),
    ("Content-Type", "multipart/form-data"), ("Content-Type", "Application/JSON"), ("If-Match", "*"),
    ("If-Match", "x"), ("If-None-Match", "x"),
    ("If-None-Match", '"1-a"'), ("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method-Override", "GET"),
    ("X-HTTP-Method-Override", "foo"),
    ("Expect", "x"), ("Expect", "100-continue"), ("Range", "bytes=0-1"), ("Accept-Encoding", "gzip"), ("Referer", "x"),
    ("Origin", "http://x"),
    ("X-Couch-Full-Commit", "true"), ("Connection", "close"), ("Cookie", "AuthSession=x"), ("Cookie", "a=b"),
    ("Content-Encoding", "x"),
    ("Content-Encoding", "gzip"), ("If-Modified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"),
    ("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT"), ("If-Unmodified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"),
    ("X-Forwarded-Host", "y"),
    ("Prefer", "return=minimal"), ("Last-Event-ID", "0"),
)  # fmt: skip
TAILS = ("/", "//", "/x", "?", "/%20", "?x", "?=x", "?&", "?a=b&a=c", "/_x", "/x/y", "?rev=", "?x=%zz", "/%")


def spoil(draw: Draw, step: Step) -> Step:
    """The step with one thing odd about it."""
    how = draw.random()
    if step.path.startswith(("/_all_dbs", "/_dbs_info")):
        return step  # it would tell of databases that are not ours
    if how < 0.2:
        method = draw.choice(METHODS)
        headers = step.headers
        if method == "COPY" and "Destination" not in dict(headers):
            headers = (*headers, ("Destination", "kb"))
        return replace(step, kind="method", method=method, headers=headers)
    if how < 0.5:
        header = draw.choice(HEADERS)
        others = (other for other in step.headers if other[0].lower() != header[0].lower())
        return replace(step, headers=(*others, header))
    if how < 0.6 and step.query:
        name, value = draw.choice(step.query)
        other = draw.choice((value, "true", "false", "", "1", None, draw.choice(step.query)[1]))
        pairs = [*step.query, (name, other)]
        draw.shuffle(pairs)
        return replace(step, query=tuple(pairs))
    if how < 0.7 and step.query:
        number = draw.randrange(len(step.query))
        name = step.query[number][0]
        changed = draw.choice(
            ((name, draw.boolean()), (name, draw.number()), (name.upper(), step.query[number][1]), (name, None))
        )
        return replace(step, query=(*step.query[:number], changed, *step.query[number + 1 :]))
    if how < 0.88 and isinstance(step.body, Json):
        return _other_body(draw, step, step.body)
    if not step.query:
        tail = draw.choice(TAILS)
        return replace(step, kind=step.kind if tail[0] == "?" else "path", path=step.path + tail)
    return step


def _other_body(draw: Draw, step: Step, body: Json) -> Step:
    how = draw.random()
    if how < 0.3:
        return replace(step, body=Text(draw.choice(RAW_BODIES)))
    if how < 0.5:
        return replace(step, coding=draw.choice(("chunked", "gzip")))
    if how < 0.6:
        return replace(step, body=None)
    text = dumps(body.value).decode()
    if "${r" in text:
        return replace(step, body=Json(draw.choice(([], {}, None, [{}], "x"))))
    cut = draw.choice(
        (text[:-1], text + "}", text + " ", text[: len(text) // 2], "[" + text + "]", " \n" + text, text + "\x00")
    )
    return replace(step, body=Text(cut))
