"""Whether a function could change what it is given, as far as its source can tell.

Owns that judgement. A document that is given to a map function is frozen, as CouchDB does, so that a change has no
effect and no view sees what another one did. Freezing costs more than all the rest of a small document's way through
a function; so it is left out where it could not be noticed: where nothing in the source assigns to a member, deletes,
counts up, calls a method that changes its object, or could do so by a name that only shows when it runs. It errs to
the safe side: a function about which there is doubt gets frozen documents.
"""

import re
from typing import Final

_GAP: Final = r"(?: \s | /\*[^*]*(?:\*(?!/)[^*]*)*\*/ | //[^\n]*\n )*"
"""What may stand between two words: nothing, or spaces and comments."""

_SUSPICIOUS: Final = re.compile(
    rf"""
    # a member, an index or a pattern that is assigned to: x.y = , x[y] += , [a.b] = , ({{a: b.c}} = d)
    (?: [.]{_GAP}[\w$]+ | [\])}}] ) {_GAP} (?: \*\*|>>>|<<|>>|&&|\|\||\?\?|[-+*/%&|^] )? = (?![=>])
    # counting: x.y++ , x[y]-- , ++x.y , ++(x.y)
    | (?: [.]{_GAP}[\w$]+ | [\])] ) {_GAP} (?: \+\+ | -- )
    | (?: \+\+ | -- ) {_GAP} (?: [(\[] | [\w$]+ {_GAP} [.\[(?] )
    # loops whose variable is a member
    | \b for {_GAP} \( {_GAP} (?: [\w$]+ {_GAP} [.\[] | [\[({{] )
    # calls of what is computed, and names spelled with escapes
    | \] {_GAP} \( | [?]\. {_GAP} [\[(] | \\u | `
    # what changes its object, looks at whether it can be changed, or runs what is written elsewhere
    | \b (?: sort | reverse | push | pop | shift | unshift | splice | fill | copyWithin | delete | set | add | clear
           | Object | Reflect | Symbol | Function | constructor | prototype | __proto__ | eval | require | with | class
           | call | apply | bind | this | globalThis | arguments | yield | super | sum
           | __defineGetter__ | __defineSetter__ ) \b
    """,
    re.VERBOSE,
)


def may_change(source: str) -> bool:
    """Whether a document has to be frozen before this function sees it."""
    return _SUSPICIOUS.search(source) is not None
