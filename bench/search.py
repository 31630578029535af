"""Questions about full-text search: how fast an index is built and asked, and what tantivy alone does.

Owns the documents (a text of some forty words, a price, a colour) and what is asked of them. The ceiling is tantivy
that indexes the same terms, without JavaScript, analyzers or documents around it.
"""

import json
import random
import time
from pathlib import Path
from urllib.parse import urlencode

import tantivy

from bench import questions, views
from bench.servers import Target

DATABASE = "bench_search"
BATCH = 2_000
WORDS = 40
VOCABULARY = 20_000
COLORS = ("red", "green", "blue", "black", "white")
FUNCTION = (
    "function(doc) { index('default', doc.text); index('price', doc.price, {facet: true, store: true}); "
    "index('color', doc.color, {facet: true, store: true}); }"
)
INDEX = f"/{DATABASE}/_design/s/_search/words"
TERM = f"{INDEX}?q=w17"
PATTERN = f"{INDEX}?{urlencode({'q': 'w1* AND price:[10 TO 500}'})}"
SORTED = f"{INDEX}?{urlencode({'q': '*:*', 'sort': json.dumps(['color<string>', '-price<number>'])})}"
_COUNTS = {"counts": json.dumps(["color"]), "ranges": json.dumps({"price": {"low": "[0 TO 100]"}})}
COUNTED = f"{INDEX}?{urlencode({'q': '*:*', 'limit': '0', **_COUNTS})}"


def document(number: int) -> dict[str, object]:
    """A document of about 300 bytes. Words are frequent as in a language: few often, most seldom."""
    chance = random.Random(number)
    words = (f"w{int(chance.paretovariate(0.6)) % VOCABULARY}" for _ in range(WORDS))
    return {
        "_id": f"doc{number:08d}",
        "text": " ".join(words),
        "price": number % 1_000,
        "color": COLORS[number % len(COLORS)],
    }


def fill(target: Target, count: int) -> None:
    """The documents, and no index yet."""
    questions.create(target, DATABASE)
    for start in range(0, count, BATCH):
        docs = [document(number) for number in range(start, min(start + BATCH, count))]
        target.once("POST", f"/{DATABASE}/_bulk_docs", {"docs": docs})


def build(target: Target, count: int, turn: int) -> float:
    """Documents a second into an index, from nothing; ``turn`` makes it a new one."""
    path = f"/{DATABASE}/_design/build{turn}"
    target.once("PUT", path, {"indexes": {"words": {"index": f"{FUNCTION} // {turn}"}}})
    started = time.perf_counter()
    target.once("GET", f"{path}/_search/words?q=w1&limit=1")
    return count / (time.perf_counter() - started)


def prepare(target: Target) -> None:
    """An index to be asked."""
    target.once("PUT", f"/{DATABASE}/_design/s", {"indexes": {"words": {"index": FUNCTION}}})
    target.once("GET", TERM)


def milliseconds(target: Target, path: str) -> float:
    """Of one search, when nothing else is asked."""
    return views.milliseconds(target, path)


def bare_tantivy(folder: Path, count: int) -> float:
    """Documents a second of the same terms into tantivy alone, with one commit in the end."""
    folder.mkdir(exist_ok=True)
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("text", tokenizer_name="whitespace", index_option="position")
    builder.add_float_field("price", fast=True)
    builder.add_text_field("color", fast=True, tokenizer_name="raw", index_option="basic")
    index = tantivy.Index(builder.build(), str(folder))
    documents = [document(number) for number in range(count)]
    writer = index.writer(32 << 20, 1)
    started = time.perf_counter()
    for one in documents:
        writer.add_document(
            tantivy.Document(
                id=[one["_id"]], text=[one["text"]], price=[float(str(one["price"]))], color=[one["color"]]
            )
        )
    writer.commit()
    return count / (time.perf_counter() - started)
