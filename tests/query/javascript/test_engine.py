"""Map and reduce functions in their engines, as CouchDB's query server answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.errors import DocstoreError
from docstore.query.errors import FunctionFailed
from docstore.query.javascript.engine import Engine
from docstore.settings import MIB, FunctionSettings

DOCUMENTS = [b'{"_id":"d1","n":1}', b'{"_id":"d2","n":2}', b'{"_id":"d3","n":3}']
QUICK = FunctionSettings(time=0.2, memory=48 * MIB, result=1 * MIB)


def engine_of(*maps, reduces=(), lib=None, limits=QUICK):
    definition = {"language": "javascript", "lib": lib or {}, "maps": list(maps), "reduces": list(reduces)}
    return Engine(json.dumps(definition), limits)


def rows_of(source, **surroundings):
    """Per document the emitted rows of one function, as values."""
    answers = engine_of(source, **surroundings).map(DOCUMENTS)
    return [[(json.loads(key), json.loads(value)) for key, value in rows] for [rows] in answers]


def failure_of(engine):
    with pytest.raises(DocstoreError) as caught:
        engine.map(DOCUMENTS)
    return caught.value.error, caught.value.reason


def test_each_function_has_its_own_rows() -> None:
    engine = engine_of("function(d){emit(d.n, d._id)}", "function(d){emit(d._id); emit([d.n], {a: 1})}")
    assert engine.map(DOCUMENTS[:1]) == [[[(b"1", b'"d1"')], [(b'"d1"', b"null"), (b"[1]", b'{"a":1}')]]]


def test_no_functions_and_no_documents() -> None:
    assert engine_of().map(DOCUMENTS) == [[], [], []]
    assert engine_of("function(d){emit(1)}").map([]) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("function(d){emit()}", [(None, None)]),
        ("function(d){emit(undefined, function(){})}", [(None, None)]),
        ("function(d){emit(NaN, -Infinity)}", [(None, None)]),
        ("function(d){emit(new Date(0), new RangeError('q'))}", [
            ("1970-01-01T00:00:00.000Z", {"error": "RangeError", "message": "q"})
        ]),
        ("function(d){emit('\\ud800x', '\\\\ud800')}", [("\ufffdx", "\\ud800")]),
        ("function(d){emit('\\ud83d\\ude00', '\\t\\n')}", [("\U0001f600", "\t\n")]),
        ("function(d){var a = [1]; emit(a, 1); a.push(2); emit(a, 2)}", [([1, 2], 1), ([1, 2], 2)]),
        ("function(d){d.x = 1; emit(d.x)}", [(None, None)]),
        ("function(d){'use strict'; d.x = 1; emit(d.x)}", []),
        ("(d) => emit(d?.n ?? 0, [...[1, 2]])", [(1, [1, 2])]),
        ("function(d){emit(sum([1, 2]), isArray([]))}", [(3, True)]),
        ("function(d){emit(toJSON({a: 1}), typeof provides)}", [('{"a":1}', "function")]),
        ("function(d){emit(typeof Promise, typeof performance + typeof queueMicrotask)}", [
            ("undefined", "undefinedundefined")
        ]),
        ("// comment\nfunction(d){emit(1)};\n// another", [(1, None)]),
        ("var seven = 7; function(d){emit(seven)}", [(7, None)]),
        ("function more(n){return n + 1}\nfunction(d){emit(more(d.n))}", [(2, None)]),
        ("var é = 'é'; async function(d){}; function (d) {emit(é)}", [("é", None)]),
        ("function(d){throw new Error('no')}", []),
        ("function(d){throw null}", []),
        ("function(d){emit(9007199254740993)}", [(9007199254740992, None)]),
    ],
)  # fmt: skip
def test_what_a_function_emits(source, expected) -> None:
    assert rows_of(source)[0] == expected


def test_a_document_that_throws_has_no_rows_and_the_others_have_theirs() -> None:
    engine = engine_of("function(d){emit(d.n, 1); if (d.n == 2) throw new Error('boo')}")
    assert [rows for [rows] in engine.map(DOCUMENTS)] == [[(b"1", b"1")], [], [(b"3", b"1")]]
    assert engine.take_log() == ["function raised exception Error: boo with doc._id d2"]
    assert engine.take_log() == []


def test_globals_are_a_functions_own() -> None:
    engine = engine_of("function(d){seen = (typeof seen == 'undefined' ? 0 : seen) + 1; emit(seen)}",
                       "function(d){emit(typeof seen, [].more); Array.prototype.more = 1}",
                       "function(d){emit([].more)}")  # fmt: skip
    assert [[key for rows in answer for key, _ in rows] for answer in engine.map(DOCUMENTS[:2])] == [
        [b"1", b'"undefined"', b"null"],
        [b"2", b'"undefined"', b"null"],
    ]


LIB = {
    "a": "exports.x = require('./b').y + 1; exports.id = module.id",
    "b": "exports.y = 1; exports.back = require('views/lib/a')",
    "c": {"d": "module.exports = function() { return require('../b').y }"},
    "bad": "throw 1",
}


def test_modules_are_required_by_path() -> None:
    source = "function(d){emit(require('views/lib/a').x, [require('views/lib/a').id, require('views/lib/c/d')()])}"
    assert rows_of(source, lib=LIB)[0] == [(2, ["views/lib/a", 1])]


@pytest.mark.parametrize("path", ["foo", "views/lib/none", "views/lib", "./a", "../a", "views/lib/bad"])
def test_a_module_that_cannot_be_had_throws(path) -> None:
    assert rows_of(f"function(d){{emit(require('{path}'))}}", lib=LIB) == [[], [], []]


@pytest.mark.parametrize(
    ("source", "error", "reason"),
    [
        ("function(d){while(true){}}", "os_process_error", "OS process timed out."),
        ("function(d){try{while(true){}}catch(e){}}", "os_process_error", "OS process timed out."),
        ("function(d){/(a+)+b/.test('a'.repeat(60))}", "os_process_error", "OS process timed out."),
        ("function(d){var a=[];while(true)a.push(new Array(10000).join('xyz'))}", "os_process_error", "memory"),
        ("function(d){function f(){return f()+1}; f()}", "os_process_error", "stack"),
        ("function(d){for(var i=0;i<100;i++)emit(new Array(100000).join('x'))}", "os_process_error", "result"),
        ("function(d){var a={};a.a=a;emit(a)}", "TypeError", "circular"),
        ("function(d){emit(1n)}", "TypeError", "BigInt"),
        ("function(d){throw 'fatal_error'}", "map_runtime_error", "function raised 'fatal_error'"),
        ("function(d){throw ['fatal','x','y']}", "x", "y"),
        ("function(d){", "compilation_error", "(function(d){)"),
        ("1+1", "compilation_error", "Expression does not eval to a function. (1+1)"),
        ("function named(d){}", "compilation_error", "Expression does not eval to a function. (function named(d){})"),
        ("while(true){}", "os_process_error", "OS process timed out."),
        ("", "not_found", "missing function"),
    ],
)
def test_what_fails_says_so_in_couchdbs_words(source, error, reason) -> None:
    engine = engine_of(source)
    for _ in range(2):  # and does so again
        found = failure_of(engine)
        assert found[0] == error
        assert reason in found[1]


def test_many_slow_documents_have_the_time_each() -> None:
    source = "function(d){var end = Date.now() + 50; while (Date.now() < end) {} emit(d.n)}"
    engine = engine_of(source)
    assert len(engine.map([b'{"n":%d}' % n for n in range(8)])) == 8


def test_more_than_a_portion_comes_whole() -> None:
    engine = engine_of("function(d){emit(d.n, new Array(500000).join('x'))}")
    answers = engine.map([b'{"n":%d}' % n for n in range(20)])
    assert [rows[0][0] for [rows] in answers] == [b"%d" % n for n in range(20)]


@pytest.mark.parametrize(
    ("source", "reduced", "rereduced"),
    [
        ("function(k, v, r){return [k, v, r]}", [[[3, "d3"], [1, "d1"]], [1, 2], False], [None, [1, 2], True]),
        ("function(k, v){return sum(v)}", 3, 3),
        ("function(k, v){}", None, None),
        ("function(k, v){throw 1}", None, None),
    ],
)
def test_reductions(source, reduced, rereduced) -> None:
    engine = engine_of(reduces=[source])
    assert json.loads(engine.reduce(0, [b'[3,"d3"]', b'[1,"d1"]'], [b"1", b"2"])) == reduced
    assert json.loads(engine.rereduce(0, [b"1", b"2"])) == rereduced


def test_a_reduction_that_does_not_shrink() -> None:
    engine = engine_of(reduces=['function(k,v,r){return new Array(6000).join("x")}'])
    overflow = engine.reduce(0, [b'[3,"d3"]', b'[2,"d2"]', b'[1,"d1"]'], [b"1"] * 3)
    assert json.loads(overflow) == {
        "reduce_overflow_error": "Reduce output must shrink more rapidly: input size: 58 output size: 6003"
    }
    assert engine.rereduce(0, [b"1", overflow]) == overflow
    generous = engine_of(reduces=['function(k,v,r){return new Array(6000).join("x")}'],
                         limits=FunctionSettings(reduce_limit=False))  # fmt: skip
    assert len(generous.reduce(0, [b'[3,"d3"]'], [b"1"])) == 6001


def test_a_reduction_of_cycles_fails() -> None:
    with pytest.raises(FunctionFailed, match="circular"):
        engine_of(reduces=["function(k,v){var a={};a.a=a;return a}"]).reduce(0, [b'[1,"a"]'], [b"1"])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(-(2**40), 2**40, width=32),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=8))
def test_values_go_through_unchanged(values) -> None:
    documents = [json.dumps({"v": value}).encode() for value in values]
    answers = ECHO.map(documents)
    assert [json.loads(rows[0][0]) for [rows] in answers] == values
    assert [rows[0][0] for [rows] in answers] == [rows[0][1] for [rows] in answers]


ECHO = engine_of("function(d){emit(d.v, d.v)}")
