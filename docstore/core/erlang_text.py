"""JSON values as they stand in CouchDB's error texts: Erlang terms, written as ``io_lib:format("~w")`` does.

    {"a": [1.0e20, "x"]}   is   {[{<<97>>,[1.0e20,<<120>>]}]}

Owns that spelling alone. Follows ``mango_error:fmt`` and Erlang's ``io_lib_format:fwrite_g``.
"""

from typing import Final

from docstore.core.json_text import JsonValue

_LARGEST_PLAIN: Final = 1 << 53


def erlang_text(value: JsonValue) -> str:
    """The term, strings as their bytes."""
    parts: list[str] = []
    pending: list[JsonValue | tuple[str]] = [value]  # what is left, the first last; a tuple is text as it is
    while pending:
        part = pending.pop()
        if isinstance(part, tuple):
            parts.append(part[0])
        elif isinstance(part, list):
            parts.append("[")
            pending.append(("]",))
            for index in range(len(part) - 1, -1, -1):
                pending.append(part[index])
                if index:
                    pending.append((",",))
        elif isinstance(part, dict):
            parts.append("{[")
            pending.append(("]}",))
            members = list(part.items())
            for index in range(len(members) - 1, -1, -1):
                name, inner = members[index]
                pending += (("}",), inner, (f"{{{_text(name)},",))
                if index:
                    pending.append((",",))
        else:
            parts.append(_text(part))
    return "".join(parts)


def _text(value: str | float | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"<<{','.join(map(str, value.encode('utf-8', 'surrogatepass')))}>>"
    return str(value) if isinstance(value, int) else _float(value)


def _float(value: float) -> str:
    """The shortest digits that stand for the number, with an exponent where that is shorter."""
    sign = "-" if str(value).startswith("-") else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    place = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return f"{sign}0.0"
    scientific = f"{digits[0]}.{digits[1:] or '0'}e{place - 1}"
    if place <= 0:
        plain = f"0.{'0' * -place}{digits}"
    elif place >= len(digits):
        plain = f"{digits}{'0' * (place - len(digits))}.0"
    else:
        plain = f"{digits[:place]}.{digits[place:]}"
    return sign + (plain if len(plain) <= len(scientific) and abs(value) < _LARGEST_PLAIN else scientific)
