"""Content negotiation: whether an Accept header takes a media type, and Accept-Encoding gzip.

Owns the reading of the two. It must not know which endpoint asks. Follows ``mochiweb_request:accepts_content_type`` and
``accepted_encodings``: the ranges are not ranked, a type is taken if any range of a weight above zero covers it and
none refuses it.
"""

from docstore.errors import BadRequest, NotAcceptable


def accepts(accept: str | None, media_type: str) -> bool:
    """Whether ``accept``, the header's text or None without one, takes ``media_type`` (lower case, no parameters).

    No header takes everything; a header that cannot be read takes nothing.
    """
    if accept is None:
        return True
    try:
        ranges = [_weighted(entry) for entry in accept.lower().split(",") if entry.strip()]
    except ValueError:
        return False
    family = media_type.partition("/")[0] + "/*"
    taken = any(weight > 0 and name in ("*/*", media_type, family) for name, weight in ranges)
    return taken and not any(weight == 0 and name in (media_type, family) for name, weight in ranges)


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether the client takes gzip; without the header, or without a word on gzip, it does not.

    Raises NotAcceptable for a client that takes neither gzip nor the plain bytes, BadRequest for what cannot be read.
    """
    if accept_encoding is None:
        return False
    try:
        weights = dict(_weighted(entry) for entry in accept_encoding.lower().split(",") if entry.strip())
    except ValueError:
        raise BadRequest("Invalid Accept-Encoding header.") from None
    others = weights.get("*", 0.0)
    gzip = weights.get("gzip", others) > 0
    if not gzip and weights.get("identity", weights.get("*", 1.0)) <= 0:
        raise NotAcceptable
    return gzip


def _weighted(entry: str) -> tuple[str, float]:
    """A media range with its other parameters, and its weight. Raises ValueError for a weight that is no number."""
    name, *parameters = (part.strip() for part in entry.split(";"))
    weight = 1.0
    kept = [name]
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            weight = float(value)
        elif parameter:
            kept.append(parameter)
    return ";".join(kept), weight
