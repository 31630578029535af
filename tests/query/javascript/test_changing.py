"""Whether documents have to be frozen: the judgement must never be wrong in one direction."""

import json

import pytest

from docstore.query.javascript.changing import may_change
from docstore.query.javascript.engine import Engine
from docstore.query.javascript.sandbox import Sandbox
from docstore.settings import FunctionSettings

HARMLESS = [
    "function(doc){emit(doc._id, null)}",
    "function(doc){if (doc.type === 'order' && doc.n >= 3) emit([doc.type, doc.n], doc.n)}",
    "function(doc){for (var i = 0; i < doc.tags.length; i++) emit(doc.tags[i], 1)}",
    "function(doc){doc.tags.forEach(function(tag){emit(tag, null)})}",
    "(doc) => { const a = doc.o, b = doc.p; if (a == b) emit(a) }",
    "function(doc){var total = 0; doc.lines.forEach(l => { total += l.price }); emit(doc.n, total)}",
]

CHANGING = [
    "doc.n = 5", "doc['n'] = 5", "doc.n += 1", "doc.n **= 2", "doc.m ||= 3", "doc.n >>>= 1", "doc.m ??= 1",
    "doc.n++", "++doc.n", "doc['n']--", "--doc['n']", "++(doc.n)", "delete doc.n", "[doc.n] = [5]",
    "({n: doc.n} = {n: 5})", "for (doc.n of [5]) ;", "for (doc['n'] in {a: 1}) ;", "for ([doc.n] of [[5]]) ;",
    "doc.tags.push(1)", "doc.tags['pu' + 'sh'](1)", "doc.tags.sort()", "doc.tags.reverse()", "doc.tags.length = 0",
    "doc.tags.splice(0)", "Object.assign(doc, {n: 5})", "Array.prototype.push.call(doc.tags, 1)", "eval('doc.n=5')",
    "with (doc) { n = 5 }", "var d = doc, t = d.tags; t[0] = 5", "doc.tags.p\\u0075sh(1)", "doc?.tags?.['push'](1)",
    "(function(){ this.n = 5 }).call(doc)", "Reflect.set(doc, 'n', 5)", "`${doc.n = 5}`", "doc.tags.fill(5)",
    "var f = doc.tags.push.bind(doc.tags); f(1)", "doc.tags.copyWithin(0, 1)", "doc.__defineGetter__('n', () => 5)",
    "new Function('d', 'd.n = 5')(doc)", "doc.tags.pop()", "doc.tags.shift()", "doc.tags.unshift(5)",
    "doc /*c*/ . /*c*/ n /*c*/ = 5", "doc.n /* c */ ++", "doc.n // c\n = 5", "++ /* c */ doc.n",
]  # fmt: skip


@pytest.mark.parametrize("source", HARMLESS)
def test_what_only_reads_is_not_suspected(source) -> None:
    assert not may_change(source)


@pytest.mark.parametrize("statement", CHANGING)
def test_what_changes_a_document_is_suspected(statement) -> None:
    source = f"function(doc){{ {statement}; emit(JSON.stringify(doc)) }}"
    assert may_change(source)
    document = b'{"n":3,"tags":[3,1,2]}'
    [changed] = Sandbox("views.js", (source, "{}", False), FunctionSettings()).over([document])
    assert changed.partition("\t")[0] != json.dumps(document.decode())  # the statement does what it is here for
    definition = json.dumps({"lib": {}, "maps": [source], "reduces": []})
    [[rows]] = Engine(definition, FunctionSettings()).map([document])
    assert rows in ([], [(json.dumps(document.decode()).encode(), b"null")])
