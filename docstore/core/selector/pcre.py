r"""Regular expressions as CouchDB's, PCRE without ``unicode``, written for RE2 and for the ``regex`` package.

Owns what a pattern means. It must not know how it is matched: that is ``regexes.py``.

CouchDB matches bytes: a pattern and a text are their UTF-8, each byte a character of Latin-1, so that ``^.$`` is not
``é``. ``(*UTF8)`` in front makes characters of them, ``(*UCP)`` has Unicode say what ``\w`` and the like are. What the
engines spell in another way, or understand in another way, is written out here::

    \w \s \h \v and their opposites   the classes of Latin-1
    $                                 the end, or before a newline that ends the text
    \Q..\E \e \cX \xh \R \N \K        what they stand for

Follows ``mango_selector.erl``, which calls Erlang's ``re`` (PCRE 8.44, tables of Latin-1).
"""

import re
from dataclasses import dataclass
from typing import Final

_NEWLINES: Final = r"\n\x0b\x0c\r\x85"
_LATIN = {
    "w": r"0-9A-Z_a-z\xaa\xb5\xba\xc0-\xd6\xd8-\xf6\xf8-\xff",
    "s": r"\t-\r ",
    "d": "0-9",
    "h": r"\t \xa0",
    "v": _NEWLINES,
}
_NOT_LATIN = {
    "w": r"\x00-/:-@\[-\^`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7",
    "s": r"\x00-\x08\x0e-\x1f!-\xff",
    "d": r"\x00-/:-\xff",
    "h": r"\x00-\x08\n-\x1f!-\x9f\xa1-\xff",
    "v": r"\x00-\t\x0e-\x84\x86-\xff",
}
_ABOVE_LATIN: Final = "\u0100-\U0010ffff"
_SPACES_ABOVE: Final = "\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_UNICODE = {
    "w": r"\p{L}\p{N}_",
    "s": r"\p{Z}\t-\r\x85",
    "d": r"\p{Nd}",
    "h": r"\t \xa0" + _SPACES_ABOVE,
    "v": _NEWLINES + "\u2028\u2029",
}
_VERBS: Final = re.compile(r"\(\*(UTF8|UTF|UCP)\)")
_FLAGS: Final = re.compile(r"\(\?([a-zA-Z-]*)[):]")
_HEX: Final = re.compile(r"\\x(?:\{([0-9a-fA-F]{1,8})\}|([0-9a-fA-F]{0,2}))")
_COUNT: Final = re.compile(r"\{([0-9]+)(?:,([0-9]*))?\}")
_REFUSED: Final = re.compile(r"\\(?:[lLuU]|N\{|c[^\x00-\x7f])")
_MAX_COUNT: Final = 65_535
_MOST_OPTIONAL: Final = 256
"""Between the least and the most of a count: RE2 takes time of its square to read one."""
_POSIX: Final = re.compile(r"\[:\^?[a-z]+:\]")
_QUOTED: Final = re.compile(r"\\Q(.*?)(?:\\E|\Z)", re.DOTALL)
_COMMENT: Final = re.compile(r"\(\?#[^)]*\)")
_NAMED: Final = re.compile(r"\(\?'([A-Za-z_][A-Za-z0-9_]*)'")
_REFERENCE: Final = re.compile(r"""\\(?:g(?:\{([0-9]+)\}|([0-9]+))|(?:k|g(?=\{))[{<']([A-Za-z_][A-Za-z0-9_]*)[}>'])""")
_PROPERTY: Final = re.compile(r"\\[pP]\{[^}]*\}")
_OCTAL: Final = re.compile(r"\\o\{([0-7]{1,7})\}")
_PLAIN_LETTERS: Final = frozenset("ijmqyFIJMOTY")
"""A backslash before them means nothing."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, written for the engines.

    ``re2``          for RE2, or None: too far from what it knows
    ``backtracking`` for the ``regex`` package
    ``characters``   of Unicode are matched; else bytes, as characters of Latin-1
    ``end``          RE2 understands it so only of a text that does not end with a newline
    ``ascii``        RE2 understands it so only of ASCII
    """

    re2: str | None
    backtracking: str
    characters: bool
    end: bool
    ascii: bool


def read_pattern(pattern: str) -> Pattern:
    """Write a pattern for the engines, which complain themselves about most of what is wrong with it.

    Raises ValueError for what PCRE refuses, and they would not.
    """
    verbs: set[str] = set()
    while verb := _VERBS.match(pattern):
        verbs.add(verb[1])
        pattern = pattern[verb.end() :]
    characters = bool(verbs & {"UTF8", "UTF"})
    if not characters:
        pattern = pattern.encode("utf-8", "surrogatepass").decode("latin-1")
    flags = "".join(_FLAGS.findall(pattern))
    if "x" in flags:  # blanks and comments, which only the engine itself can tell from the rest
        return Pattern(None, pattern, characters, end=False, ascii=False)
    reader = _Reader(pattern, characters=characters, unicode="UCP" in verbs, multiline="m" in flags)
    reader.read()
    re2 = None if reader.unclear else "".join(reader.re2)
    return Pattern(re2, "".join(reader.backtracking), characters, reader.end, reader.ascii)


class _Reader:
    """From left to right through a pattern, into both spellings."""

    def __init__(self, pattern: str, *, characters: bool, unicode: bool, multiline: bool) -> None:
        self.re2: list[str] = []
        self.unclear = False
        self.backtracking: list[str] = []
        self.end = False
        self.ascii = False
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._characters = characters
        self._unicode = unicode
        self._multiline = multiline

    def read(self) -> None:
        pattern = self._pattern
        while self._at < len(pattern):
            char = pattern[self._at]
            if char == "\\":
                self._escape()
            elif char == "[":
                self._class()
            elif char == "$":
                self._dollar()
            elif char == "{":
                self._brace()
            elif comment := _COMMENT.match(pattern, self._at):
                self._at = comment.end()
            elif named := _NAMED.match(pattern, self._at):
                self._depth += 1
                self._both(f"(?P<{named[1]}>", len(named[0]))
            else:
                self._depth += (char == "(") - (char == ")")
                self._both(char, 1)

    def _both(self, text: str, length: int) -> None:
        self.re2.append(text)
        self.backtracking.append(text)
        self._at += length

    def _brace(self) -> None:
        count = _COUNT.match(self._pattern, self._at)
        if count is None:
            self._both(r"\{", 1)
        elif any(len(number) > 5 or int(number) > _MAX_COUNT for number in count.groups() if number):
            raise ValueError
        else:
            self.unclear = self.unclear or int(count[2] or 0) - int(count[1]) > _MOST_OPTIONAL
            self._both(count[0], len(count[0]))

    def _dollar(self) -> None:
        last = self._pattern[self._at + 1 : self._at + 2] in ("", "|") and self._depth == 0 and not self._multiline
        self.re2.append(r"\n?\z" if last else "$")
        self.backtracking.append("$")
        self.end = self.end or not last
        self._at += 1

    def _escape(self) -> None:
        """One that stands outside a class."""
        if quoted := _QUOTED.match(self._pattern, self._at):
            self._both("".join(map(_literal, quoted[1])), len(quoted[0]))
            return
        char = self._pattern[self._at + 1 : self._at + 2]
        if char in ("E", "K"):  # the end of no quotation; where a match begins is not asked
            self._at += 2
        elif (group := self._group(char)) is not None:
            self._both(group, 2)
        elif char == "R":
            self._both(rf"(?:\r\n|[{_NEWLINES}])", 2)
        elif char == "N" and not self._pattern.startswith("{", self._at + 2):
            self._both(r"[^\n]", 2)
        elif char in ("b", "B"):
            self.ascii = True
            self._both(f"\\{char}", 2)
        elif char in ("z", "Z", "G"):
            self.end = self.end or char == "Z"
            self.re2.append(r"\A" if char == "G" else r"\z")
            self.backtracking.append({"z": r"\Z", "Z": r"(?=\n?\Z)", "G": r"\A"}[char])
            self._at += 2
        elif reference := _REFERENCE.match(self._pattern, self._at):
            number = reference[1] or reference[2]
            self._both(f"(?:\\{number})" if number else f"(?P={reference[3]})", len(reference[0]))
        else:
            self._character()

    def _character(self) -> None:
        """An escape that stands for one character, in a class or not."""
        char = self._pattern[self._at + 1 : self._at + 2]
        if _REFUSED.match(self._pattern, self._at):
            raise ValueError
        if found := _HEX.match(self._pattern, self._at):
            self._both(_literal(chr(min(int(found[1] or found[2] or "0", 16), 0x10FFFF))), len(found[0]))
        elif found := _OCTAL.match(self._pattern, self._at):
            self._both(_literal(chr(min(int(found[1], 8), 0x10FFFF))), len(found[0]))
        elif found := _PROPERTY.match(self._pattern, self._at):
            self._both(found[0], len(found[0]))
        elif char == "e":
            self._both(r"\x1b", 2)
        elif char == "c" and self._at + 2 < len(self._pattern):
            code = ord(self._pattern[self._at + 2].upper()) ^ 0x40
            self._both(_literal(chr(code)), 3)
        elif char in _PLAIN_LETTERS or char > "\x7f":
            self._both(char, 2)
        else:
            self._both(f"\\{char}", 1 + len(char))

    def _group(self, char: str) -> str | None:
        """The class, in brackets, that a letter such as ``w`` stands for. None for another letter."""
        lower = char.lower()
        if not char or lower not in _LATIN:
            return None
        group = (_UNICODE if self._unicode else _LATIN)[lower]
        return f"[{group}]" if char == lower else f"[^{group}]"

    def _class(self) -> None:
        """A class in brackets, to its end."""
        pattern = self._pattern
        start = "[^" if pattern.startswith("[^", self._at) else "["
        self._both(start, len(start))
        if pattern.startswith("]", self._at):
            self._both(r"\]", 1)
        while self._at < len(pattern):
            char = pattern[self._at]
            if char == "]":
                self._both("]", 1)
                return
            if posix := _POSIX.match(pattern, self._at):
                self.ascii = True
                self._both(posix[0], len(posix[0]))
            elif pattern.startswith(("[.", "[="), self._at):
                raise ValueError
            elif char == "\\":
                self._escape_in_class()
            else:
                self._both(f"\\{char}" if char in "[&~|" else char, 1)

    def _escape_in_class(self) -> None:
        if quoted := _QUOTED.match(self._pattern, self._at):
            self._both("".join(map(_literal, quoted[1])), len(quoted[0]))
            return
        char = self._pattern[self._at + 1 : self._at + 2]
        if char == "E":
            self._at += 2
        elif (group := self._group(char)) is not None:
            self._both(self._opposite(char) if char.isupper() else group[1:-1], 2)
        elif char == "b":
            self._both(r"\x08", 2)
        else:
            self._character()

    def _opposite(self, char: str) -> str:
        r"""What ``\W`` and the like stand for among other members of a class."""
        if self._unicode:
            self.unclear = True
            return f"\\{char}"
        return _NOT_LATIN[char.lower()] + (_ABOVE_LATIN if self._characters else "")


def _literal(char: str) -> str:
    if char.isascii():
        return char if char.isalnum() else f"\\x{ord(char):02x}"
    return char
