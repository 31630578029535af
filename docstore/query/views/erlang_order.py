"""The order of Erlang's terms, for the few places where CouchDB's answers show it.

Owns a sort key for JSON values: numbers < false < null < true < objects < arrays < strings. It must not know what is
sorted. Rows that one document emits under one key come in the order of their values as Erlang has it
(``couch_mrview_updater:insert_results``), which is that of raw collation; and what an error quotes is printed as
Erlang prints it (``~w``).
"""

from docstore.core.collation_key import raw_key
from docstore.core.json_text import JsonValue, encode

term_order = raw_key


def written(value: JsonValue) -> str:
    """A value as Erlang's ``~w`` writes it: texts as lists of bytes."""
    if isinstance(value, str):
        return f"<<{','.join(map(str, value.encode()))}>>"
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{[{','.join(f'{{{written(name)},{written(inner)}}}' for name, inner in value.items())}]}}"
    return encode(value).decode()
