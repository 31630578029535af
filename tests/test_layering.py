"""The house rules that no other tool checks: layers, purity, sizes, docstrings.

Read from the source with ``ast``; nothing is imported. An exception to a rule is listed here by name, with its reason,
and fails the test once it is no longer needed.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "docstore"
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60

# From the bottom up. A module imports from its own layer and from those before it.
LAYERS = (
    ("docstore",),
    ("docstore.errors", "docstore.settings"),
    ("docstore.config",),
    ("docstore.core",),
    ("docstore.storage", "docstore.workers"),
    ("docstore.database",),
    ("docstore.accounts",),
    ("docstore.query",),
    ("docstore.replication",),
    ("docstore.node",),
    ("docstore.httpd",),
    ("docstore.double",),
    ("docstore.testing", "docstore.cli", "docstore.client", "docstore.lab"),
    ("docstore.pytest_plugin", "docstore.__main__"),
)

# What a layer may import from outside besides the standard library.
OUTSIDE = {
    "docstore.core": {"msgspec", "icu", "re2", "regex"},
    "docstore.storage": {"lmdb", "msgpack", "msgspec"},
    "docstore.workers": {"msgpack"},
    "docstore.database": {"msgspec"},
    "docstore.accounts": {"jwt"},
    "docstore.query": {"icu", "quickjs", "lmdb", "msgspec", "tantivy"},
    "docstore.replication": {"aiohttp", "msgspec", "yarl"},
    "docstore.httpd": {
        "aiohttp",
        "msgspec",
        "multidict",
        "prometheus_client",
        "cryptography",
        "python_multipart",
        "yarl",
    },
    "docstore.double": {"aiohttp", "msgspec", "multidict", "yarl"},
    "docstore.testing": {"ibm_cloud_sdk_core", "ibmcloudant", "uvloop"},
    "docstore.client": {"aiohttp", "yarl"},
    "docstore.lab": {"jinja2"},
    "docstore.pytest_plugin": {"pytest"},
    "docstore.cli": {"aiohttp", "click", "rich", "uvloop", "yarl"},
}

# The core computes; it neither waits, nor reads, nor knows the time.
IMPURE = {
    "asyncio", "concurrent", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "shutil", "signal", "socket", "subprocess", "tempfile", "threading", "time", "uuid",
}  # fmt: skip

DRAWERS = {"common", "helpers", "misc", "util", "utils"}

# What HTTP itself needs of the core: the spelling of JSON, of multipart bodies and of entity tags.
WIRE_USES = ("docstore.core.json_", "docstore.core.multipart", "docstore.core.conditions")

# Within a layer: the rooms that a room may import from, besides the files at the layer's top. Those that are not named
# here may import from each other.
ROOMS: dict[str, dict[str, set[str]]] = {
    "docstore.core": {"cloudant": set(), "drawing": set(), "selector": set(), "unique": {"selector"}},
    "docstore.storage": {
        "attachments": set(),
        "documents": {"attachments"},
        "engine": {"attachments"},  # whose rows are entered in a table that an older store lacks, when it is opened
        "check": {"engine", "attachments", "documents"},
        "repair": {"check", "engine", "attachments", "documents"},
    },
    "docstore.database": {"apply": set()},
    "docstore.replication": {"remote": set(), "local": set(), "jobs": {"remote"}, "backup": set()},
    "docstore.httpd": {
        "wire": set(),
        "params": {"wire"},
        "problems": {"wire", "params"},
        "writing": {"wire", "params", "problems"},
        "documents": {"wire", "params", "problems", "writing"},
        "listings": {"wire", "params", "problems"},
        "server": {"wire", "params", "problems", "writing"},
        "uploads": {"wire", "params", "problems", "writing", "documents"},
        "cloudant": {"wire", "params", "problems", "writing", "documents", "server"},
    },
    "docstore.cli": {"targets": set(), "commands": {"targets"}},
}

APPLY = "docstore.database.apply"

# What runs inside the write transaction may import these, itself, and nothing else of docstore.
INSIDE_THE_TRANSACTION = (
    "docstore.errors", "docstore.settings", "docstore.core", "docstore.database.commands", "docstore.storage.keys",
    "docstore.storage.rows", "docstore.storage.tables", "docstore.storage.databases", "docstore.storage.remembered",
    "docstore.storage.remembered_rows", "docstore.storage.image", "docstore.storage.documents",
    "docstore.storage.attachments", "docstore.storage.engine.transactions", APPLY,
)  # fmt: skip

IMPURE_BELOW_APPLY = {
    "docstore.settings imports pathlib": "a type of one setting",
    "docstore.storage.engine.transactions imports time": "the age of a Snapshot, of which apply has none",
}
CONSTANT_TABLES = {"docstore.database.apply.updater HANDLERS": "command -> what it does; nobody adds to it"}

# For the type alone, in one room: "module -> module".
CIRCLES = {
    "docstore.lab.scenario -> docstore.lab.runner": "the step Call is given the running Lab, whatever it does with it",
}
LATE_IMPORTS = {
    "docstore.httpd.certificate": "cryptography, which a server without TLS does without",
    "docstore.httpd.serving": "the surface of another service than CouchDB is loaded where it is asked for",
    "docstore.query.search.library": "tantivy, which a server that nobody searches does without",
    "docstore.accounts.accounts": "PyJWT and cryptography are loaded when the first token comes",
    "docstore.cli.targets.opening": "a command loads either what works on a folder or what works on a URL",
    "docstore.core.selector.regexes": "most servers never see a pattern, and its second engine is the larger one",
    "docstore.httpd.server.telemetry": "prometheus_client is loaded when metrics are first asked for",
    "docstore.pytest_plugin": "pytest loads plugins in every run; a server's parts only if a test wants one",
    "docstore.query.servers.choice": "few workers have use for what starts query servers",
    "docstore.testing.databases": "IBM's client is made if a test asks for it, where it is installed",
    "docstore.workers.messages": "a worker that tells no error does without them",
}

# What else looks at how a request's write is carried out.
CARRIED_OUT = {("docstore.httpd.dispatch", "is_lenient_success")}

LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
UPWARD_IMPORTS: dict[str, str] = {}
SILENCED: dict[str, str] = {}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(), filename=module)


@cache
def nodes_of(module: str) -> list[ast.AST]:
    return list(ast.walk(tree_of(module)))


def below(prefix: str) -> list[str]:
    """The modules whose names begin so; there are some."""
    found = [module for module in MODULES if module.startswith(prefix)]
    assert found, prefix
    return found


def layer_of(module: str) -> tuple[int, str]:
    """The layer's place in the list and its name. A module that no layer names is an error."""
    for place, names in reversed(list(enumerate(LAYERS))):
        for name in names:
            if module == name or (place > 0 and module.startswith(f"{name}.")):
                return place, name
    raise AssertionError(f"{module} belongs to no layer")


@cache
def imports_of(module: str) -> tuple[str, ...]:
    """Every module imported anywhere in the module, by its full name."""
    return tuple(found_imports(module))


def found_imports(module: str) -> Iterator[str]:
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in nodes_of(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield name if name in MODULES else base


def functions_of(module: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function with its name within the module."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}.{child.name}"
                if not isinstance(child, ast.ClassDef):
                    yield name, child
            yield from walk(child, name)

    return walk(tree_of(module), module)


def check_against(found: dict[str, str], allowed: dict[str, str]) -> None:
    """Everything found is allowed, and everything allowed is still found."""
    broken = [f"{name}: {what}" for name, what in found.items() if name not in allowed]
    unneeded = [f"{name}: the exception is no longer needed" for name in allowed if name not in found]
    check_none(broken + unneeded)


def check_none(broken: Iterable[str]) -> None:
    """Nothing is broken; if something is, all of it is told."""
    told = list(broken)
    assert not told, "\n".join(["", *told])


def test_imports_go_downwards() -> None:
    found = {}
    for module in MODULES:
        place, _ = layer_of(module)
        for imported in imports_of(module):
            if imported.split(".")[0] == "docstore" and layer_of(imported)[0] > place:
                found[f"{module} -> {imported}"] = "imports a layer above its own"
    check_against(found, UPWARD_IMPORTS)


def test_the_wire_knows_no_documents() -> None:
    known = ("docstore.httpd.wire", "docstore.httpd.replies", "docstore.errors", "docstore.settings", *WIRE_USES)
    check_none(
        f"{module} imports {imported}"
        for module in below("docstore.httpd.wire")
        for imported in imports_of(module)
        if imported.split(".")[0] == "docstore" and not imported.startswith(known)
    )


def test_only_one_room_knows_how_a_write_is_carried_out() -> None:
    told = {"ticket", "is_lenient_success"}
    check_none(
        f"{module} line {node.lineno} asks for {node.attr}"
        for module in below("docstore.httpd")
        if ".writing" not in module and module != "docstore.httpd.request"
        for node in nodes_of(module)
        if isinstance(node, ast.Attribute) and node.attr in told and (module, node.attr) not in CARRIED_OUT
    )


def test_parallel_layers_do_not_know_each_other() -> None:
    parallel = {("docstore.storage", "docstore.workers"), ("docstore.testing", "docstore.cli")}
    for module in MODULES:
        for imported in imports_of(module):
            if imported.split(".")[0] == "docstore":
                pair = (layer_of(module)[1], layer_of(imported)[1])
                assert pair not in parallel, f"{module} imports {imported}"
                assert pair[::-1] not in parallel, f"{module} imports {imported}"


def test_no_circles() -> None:
    """No module needs another in a circle: imports for type checkers, and those inside functions, count too."""
    graph = {module: {name for name in imports_of(module) if name in MODULES and name != module} for module in MODULES}
    for listed in CIRCLES:
        module, other = listed.split(" -> ")
        assert module.rpartition(".")[0] == other.rpartition(".")[0], f"{listed}: not in one room"
        assert other not in set(imports_at_run_time(module)), f"{listed}: not for the type alone"
        graph[module].discard(other)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for imported in sorted(graph[module]):
                visit(imported, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())
    for listed in CIRCLES:
        module, other = listed.split(" -> ")
        assert module in reached_from([other], graph), f"{listed}: the exception is no longer needed"


def reached_from(modules: Iterable[str], graph: Mapping[str, Iterable[str]]) -> set[str]:
    """The modules, and all that they import, directly or not."""
    found: set[str] = set()
    following = list(modules)
    while following:
        module = following.pop()
        if module not in found:
            found.add(module)
            following += [name for name in graph[module] if name in MODULES]
    return found


def imports_at_run_time(module: str) -> Iterator[str]:
    """What importing the module imports: statements at its top level, without those for type checkers."""
    for node in tree_of(module).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_imports_stand_at_the_top() -> None:
    found = {}
    for module in MODULES:
        for name, function in functions_of(module):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    found[module] = f"{name} imports in line {node.lineno}"
    check_against(found, LATE_IMPORTS)


def room_of(module: str) -> tuple[str, str]:
    """The layer and the room, which is empty for the files at its top."""
    parts = module.split(".")
    package = MODULES[module].name == "__init__.py"
    return ".".join(parts[:2]), parts[2] if len(parts) > 3 or (package and len(parts) == 3) else ""


def test_rooms_know_those_below_them() -> None:
    for module in MODULES:
        layer, room = room_of(module)
        allowed = ROOMS.get(layer, {}).get(room)
        if allowed is not None:
            for imported in imports_of(module):
                if imported in MODULES and room_of(imported)[0] == layer:
                    other = room_of(imported)[1]
                    assert other in {"", room, *allowed}, f"{module} imports {imported}"


def test_every_room_with_an_order_is_there() -> None:
    for layer, rooms in ROOMS.items():
        assert set(rooms) <= {room_of(module)[1] for module in MODULES if room_of(module)[0] == layer}


def in_apply() -> list[str]:
    return [module for module in MODULES if module == APPLY or module.startswith(f"{APPLY}.")]


def test_apply_sees_commands_and_tables_alone() -> None:
    assert in_apply()
    for module in in_apply():
        check_none(
            f"{module} imports {imported}"
            for imported in imports_of(module)
            if imported.startswith("docstore.")
            and not any(imported == one or imported.startswith(f"{one}.") for one in INSIDE_THE_TRANSACTION)
        )
        check_none(waits_of(module))


def waits_of(module: str) -> Iterator[str]:
    """Where it is async."""
    for node in nodes_of(module):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield f"{module} line {node.lineno} is async"


def test_nothing_that_apply_reaches_waits_or_draws_or_asks_the_time() -> None:
    """Whatever it imports, however far down: it has to be the same on every node that applies the same commands."""
    found = {}
    for module in reached_from(in_apply(), {module: list(imports_of(module)) for module in MODULES}):
        for root in {imported.split(".")[0] for imported in imports_of(module)} & IMPURE:
            found[f"{module} imports {root}"] = f"and {APPLY} imports that"
    check_against(found, IMPURE_BELOW_APPLY)


def test_apply_remembers_nothing() -> None:
    """No value of a module outlives a group: no ``global``, and no table that could be written to."""
    found = {}
    for module in in_apply():
        for node in nodes_of(module):
            if isinstance(node, ast.Global | ast.Nonlocal):
                found[f"{module} {' '.join(node.names)}"] = f"line {node.lineno} reaches outside of its function"
        for node in tree_of(module).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and is_mutable(node.value):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                found[f"{module} {ast.unparse(target)}"] = f"line {node.lineno} makes what can be changed"
    check_against(found, CONSTANT_TABLES)


def is_mutable(value: ast.expr) -> bool:
    """Whether an expression makes a list, a set, a dict or any object that is no plain number, text or type."""
    if isinstance(value, ast.Call):
        return not (isinstance(value.func, ast.Name) and value.func.id in {"frozenset", "len", "tuple"})
    return isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)


def test_a_layer_keeps_to_its_libraries() -> None:
    own = {*sys.stdlib_module_names, "docstore", "__future__"}
    check_none(
        f"{module} imports {imported}"
        for module in MODULES
        for imported in imports_of(module)
        if imported.split(".")[0] not in own | OUTSIDE.get(layer_of(module)[1], set())
    )


def test_the_core_is_pure() -> None:
    for module in below("docstore.core"):
        check_none(f"{module} imports {name}" for name in imports_of(module) if name.split(".")[0] in IMPURE)
        check_none(waits_of(module))
        check_none(
            f"{module} line {node.lineno} does I/O"
            for node in nodes_of(module)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"open", "print", "input"}
        )


def test_only_the_command_line_reads_arguments_and_environment() -> None:
    for module in MODULES:
        if not module.startswith("docstore.cli"):
            check_none(readings_of(module))


def readings_of(module: str) -> Iterator[str]:
    """Where it reads arguments or the environment."""
    for node in nodes_of(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in {"os.environ", "os.getenv", "sys.argv"}:
                yield f"{module} line {node.lineno} reads {name}"
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "sys"}:
            for taken in {alias.name for alias in node.names} & {"environ", "getenv", "argv"}:
                yield f"{module} line {node.lineno} imports {taken}"


def test_modules_are_short() -> None:
    lengths = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    found = {module: f"{lines} lines" for module, lines in lengths.items() if lines > MAX_MODULE_LINES}
    check_against(found, LONG_MODULES)


def test_functions_are_short() -> None:
    found = {}
    for module in MODULES:
        for name, function in functions_of(module):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                found[name] = f"{lines} lines"
    check_against(found, LONG_FUNCTIONS)


def test_a_module_says_what_it_owns() -> None:
    for module, path in MODULES.items():
        docstring = ast.get_docstring(tree_of(module))
        assert docstring, f"{module} has no docstring"
        assert path.name in {"__init__.py", "__main__.py"} or "own" in docstring.lower().split("\n\n", 1)[-1], (
            f"{module} does not say what it owns"
        )


def test_no_drawers() -> None:
    check_none(module for module in MODULES if set(module.split(".")) & DRAWERS)


def test_no_checker_is_silenced() -> None:
    found = {}
    for module, path in MODULES.items():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "# type: ignore" in line or "# noqa" in line:
                found[f"{module}: {line.strip()}"] = f"line {number}"
    check_against(found, SILENCED)
