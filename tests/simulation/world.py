"""Some nodes, lossy replications between them, edits, kills, nodes that go back in time: a whole history from one seed.

    async with World(seed) as world:
        await world.live()          # the history; everything random is drawn from the seed
        await world.heal()          # all nodes are up, nothing fails any more
        world.check()               # all nodes are the same, and are what the edits make of them

The expectation is kept beside the nodes, as plain facts of each acknowledged edit: revision, parent, whether it
deletes, and its body. Of these the leaves and the winner follow without any tree. What was on no node any more when all
was healed is not expected: a power cut or a copy took it. Whatever any node has then, all must have in the end.
"""

import asyncio
import base64
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

from docstore.core.document import parse_document
from docstore.core.json_text import decode
from docstore.core.rev import Rev
from docstore.database.reading.documents import OpenOptions
from docstore.errors import Conflict, DocstoreError
from docstore.lab.convergence import compare, read_state
from docstore.lab.nodes import DATABASE
from docstore.lab.replication_run import replication_id
from docstore.replication.local.peer import LocalPeer
from docstore.replication.options import Endpoint, ReplicationOptions
from docstore.replication.replicator import Replicator
from docstore.settings import Durability, Limits
from docstore.storage.documents.documents import get_record, get_records, get_tree
from docstore.storage.documents.scans import scan_documents
from tests.simulation.fallible_node import FallibleNode
from tests.simulation.lossy_peer import LossyPeer, Run, Weather
from tests.storage_findings import storage_findings

LIMITS = Limits()
STEPS = 80
HOT_DOCUMENTS = 6
COLD_DOCUMENTS = 100
EDITS_AT_ONCE = 5
VALUES = 6
CALLS_OF_A_RUN = 14
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a sync costs nothing: a power cut is only modelled."""


class World:
    """``log`` tells what happened, a line a step."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.log = []
        self.nodes = []
        self.edges = []
        self.facts = defaultdict(dict)
        self.runs = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self):
        temporary = tempfile.TemporaryDirectory(prefix="docstore-simulation-", dir=MEMORY)
        folder = Path(self._stack.enter_context(temporary))
        for name in "abcde"[: self.random.randint(3, 5)]:
            node = FallibleNode(name, folder, self.random.choice(list(Durability)))
            self._stack.push_async_callback(node.stop)
            await node.start()
            self.nodes.append(node)
        self.edges = self._topology()
        self._note(", ".join(f"{node.name} {node.durability}" for node in self.nodes))
        self._note(f"{len(self.nodes)} nodes, " + " ".join(f"{one.name}>{two.name}" for one, two in self.edges))
        return self

    async def __aexit__(self, *error):
        await self._stack.aclose()

    def _topology(self):
        """A random tree with links both ways, or a ring one way, and some more links; so that all get to all."""
        nodes = self.random.sample(self.nodes, len(self.nodes))
        if self.random.random() < 0.4:
            edges = set(zip(nodes, [*nodes[1:], nodes[0]], strict=True))
        else:
            edges = set()
            for index, node in enumerate(nodes[1:], 1):
                other = self.random.choice(nodes[:index])
                edges |= {(node, other), (other, node)}
        for _ in range(self.random.randint(0, 2)):
            edges.add(tuple(self.random.sample(nodes, 2)))
        return sorted(edges, key=lambda edge: (edge[0].name, edge[1].name))

    def _note(self, text):
        self.log.append(text)

    # --- the history

    async def live(self):
        """Edits, replications, kills, power cuts, restored copies and restarts."""
        badness = self.random.choice([0.0, 0.03, 0.1, 0.25])
        for _ in range(STEPS):
            what = self.random.random()
            if what < 0.5:
                node = self.random.choice(self.nodes)
                for _ in range(self.random.randint(1, EDITS_AT_ONCE)):
                    await self.edit(node)
            elif what < 0.82:
                await self.replicate(self.random.choice(self.edges), badness)
            elif what < 0.9:
                some = self.random.sample(self.edges, min(3, len(self.edges)))
                await asyncio.gather(*[self.replicate(edge, badness) for edge in some])
            elif what < 0.94:
                await self.end(self.random.choice(self.nodes), self.random)
            elif what < 0.95:
                await self.lose_disk(self.random.choice(self.nodes))
            elif what < 0.97:
                self.copy(self.random.choice(self.nodes))
            else:
                for node in self.nodes:
                    await self.restart(node)

    async def edit(self, node):
        """One interactive edit on what the node has."""
        drawn = Drawn(self.random)
        if not node.running:
            return
        document = drawn.document_on(node)
        while document is not None:
            try:
                rev = (await node.database.update_doc(document)).rev
            except Conflict:  # a run that failed a moment ago had handed something to the writer
                document = drawn.document_on(node)
                continue
            parent = tree_of(node, document.id).nodes[rev].parent
            self.facts[document.id][rev] = (parent, document.deleted, drawn.value)
            self._note(f"{node.name}: {document.id} {parent} -> {rev}{' deleted' if document.deleted else ''}")
            return

    async def replicate(self, edge, badness):
        """One run over one link, which may fail, or be the end of one of the nodes."""
        source, target = edge
        self.runs += 1
        name = f"{self.seed}/{self.runs}"
        random = Random(name)
        if not (source.running and target.running):
            return
        victim = random.choice(edge) if badness and random.random() < 0.12 else None
        fatal_call = random.randrange(CALLS_OF_A_RUN)
        copied, copied_at = random.choice(edge), random.randrange(3 * CALLS_OF_A_RUN)
        lives = [(node, node.lives) for node in edge]
        dying = []

        def before_call(number):
            if number == copied_at:
                self.copy(copied)
            if victim is not None and number == fatal_call and not dying:
                dying.append(asyncio.ensure_future(self.end(victim, random)))

        def is_alive():
            return not dying and all(node.running and node.lives == life for node, life in lives)

        run = Run(Weather(name, badness), is_alive, before_call)
        written = await self._run(edge, run, random)
        if dying:
            await dying[0]
            run.faults.append(f"{victim.name} went down")
        self._note(f"{source.name}>{target.name}: {written}; {', '.join(run.faults)}")

    async def _run(self, edge, run, random):
        source, target = edge
        options = ReplicationOptions(
            Endpoint(source.name),
            Endpoint(target.name),
            worker_batch_size=random.choice([1, 1, 3, 500]),
            worker_processes=random.randint(1, 4),
            checkpoint_interval=random.choice([0.0, 0.0, 30.0]),
            retries_per_request=0,
        )
        peers = [
            LossyPeer(LocalPeer(node.registry, DATABASE, retries=random.randrange(3), sleep=at_once), run)
            for node in edge
        ]
        replicator = Replicator(
            *peers,
            options,
            replication_id=replication_id(source.name, target.name),
            clock=lambda: 1_735_689_600 + self.runs,
            new_session_id=lambda: random.randbytes(16).hex(),
            wait=at_once,
        )
        try:
            summary = await replicator.run()
        except DocstoreError as error:
            return f"failed, {error.reason}"
        return "nothing to do" if summary.no_changes else f"{replicator.progress.statistics.docs_written} so far"

    async def end(self, node, random):
        """The node is gone: it comes back as it was, as the disk has it after a power cut, or as an earlier copy."""
        how = random.choice([node.kill, node.cut_power, node.go_back, node.go_back])
        if node.running:
            await how()
            self._note(f"{node.name}: {how.__name__}")

    def copy(self, node):
        """Somebody copies the node's store."""
        if node.running:
            node.copy()
            self._note(f"{node.name} is copied")

    async def restart(self, node):
        if not node.running:
            await node.start()
            self._note(f"{node.name} restarted")

    async def lose_disk(self, node):
        """The node is empty, without its checkpoints too, unless it has something that is nowhere else."""
        if all(each.running for each in self.nodes):
            elsewhere = [revisions_of(other) for other in self.nodes if other is not node]
            if all(any(rev in others for others in elsewhere) for rev in revisions_of(node)):
                await node.registry.delete(DATABASE)
                await node.registry.create(DATABASE)
                self._note(f"{node.name} is empty")

    # --- the end

    async def heal(self):
        """Everybody is up; all links run without a fault, again and again until nothing moves."""
        for node in self.nodes:
            await self.restart(node)
        self._forget_what_is_nowhere()
        for _ in range(len(self.nodes) + 1):
            before = [node.database.update_seq() for node in self.nodes]
            for edge in self.edges:
                await self.replicate(edge, 0.0)
            if before == [node.database.update_seq() for node in self.nodes]:
                return
        raise AssertionError(f"revisions still move after {len(self.nodes) + 1} rounds")

    def _forget_what_is_nowhere(self):
        """What no node has is lost, and is no replication's fault."""
        somewhere = set().union(*map(revisions_of, self.nodes))
        for doc, facts in list(self.facts.items()):
            self.facts[doc] = {rev: fact for rev, fact in facts.items() if (doc, rev) in somewhere}
            if not self.facts[doc]:
                del self.facts[doc]

    async def check(self):
        """All nodes have the leaves, winners and contents that the acknowledged edits make; their stores are sound."""
        convergence = compare({node.name: await read_state(node.database) for node in self.nodes})
        assert convergence.converged, str(convergence)
        assert convergence.documents == len(self.facts)
        for node in self.nodes:
            for doc in self.facts:
                self._check_document(node, doc)
            assert storage_findings(node.node) == []
        for doc in self.facts:
            contents = [await contents_of(node, doc) for node in self.nodes]
            assert all(content == contents[0] for content in contents), doc
            for rev, members in contents[0].items():
                assert members.get("value", self.facts[doc][rev][2]) == self.facts[doc][rev][2]

    def _check_document(self, node, doc):
        facts = self.facts[doc]
        tree = tree_of(node, doc)
        assert set(facts) <= set(tree.nodes), f"{node.name} lacks revisions of {doc}"
        expected = expected_leaves(facts)
        assert list(tree.leaves()) == expected, f"{node.name}: leaves of {doc}"
        assert get_winner(node, doc) == expected[0], f"{node.name}: winner of {doc}"
        for rev, (parent, deleted, _) in facts.items():
            assert tree.nodes[rev].parent == parent
            if rev in expected:
                assert tree.nodes[rev].deleted == deleted


class Drawn:
    """What is random in an edit. How much is drawn must not depend on the nodes, or seeds would not mean anything."""

    def __init__(self, random: Random) -> None:
        # Some are edited everywhere again and again; of others, nothing comes later that would make good a loss.
        self.doc = random.choice([f"hot-{random.randrange(HOT_DOCUMENTS)}", f"cold-{random.randrange(COLD_DOCUMENTS)}"])
        self.value = random.randrange(VALUES)
        self.what = random.random()
        self.which = random.random()
        self.content = random.randbytes(int(random.expovariate(1 / 3_000)))

    def document_on(self, node):
        """The edit as it is on this node: mostly of the winner; None where there is nothing to delete."""
        leaves = live_leaves(node, self.doc)
        members = {"value": self.value}
        if leaves:
            parent = leaves[0] if self.which < 0.7 else leaves[int(self.which * 1_000) % len(leaves)]
            members["_rev"] = str(parent)
        if self.what < 0.15:
            if not leaves:
                return None
            members["_deleted"] = True
        elif self.what < 0.35:
            data = base64.b64encode(self.content).decode()
            content_type = "text/plain" if self.which < 0.5 else "image/png"
            members["_attachments"] = {f"file-{self.value % 2}": {"content_type": content_type, "data": data}}
        elif leaves:
            stored = decode(node.database.open_doc(self.doc, OpenOptions(rev=parent)).json)
            if "_attachments" in stored:  # stubs: what is attached stays
                members["_attachments"] = stored["_attachments"]
        return parse_document(members, doc_id=self.doc, limits=LIMITS)


async def at_once(seconds):
    """Instead of waiting so long."""


def expected_leaves(facts) -> list[Rev]:
    """The revisions that are nobody's parent: live ones first, then the higher generation, then the higher id."""
    parents = {parent for parent, *_ in facts.values()}
    leaves = [rev for rev in facts if rev not in parents]
    return sorted(leaves, key=lambda rev: (not facts[rev][1], rev.generation, rev.id), reverse=True)


def tree_of(node, doc):
    database = node.database
    with database.environment.snapshot() as snapshot:
        return get_tree(snapshot, database.number, get_record(snapshot, database.number, doc))


def get_winner(node, doc) -> Rev:
    """As it is stored, not as the tree has it."""
    database = node.database
    with database.environment.snapshot() as snapshot:
        return get_record(snapshot, database.number, doc).winner


def revisions_of(node) -> set[tuple[str, Rev]]:
    """All that a node has heard of."""
    database = node.database
    with database.environment.snapshot() as snapshot:
        ids = [doc_id for doc_id, *_ in scan_documents(snapshot, database.number, deleted=True)]
        records = get_records(snapshot, database.number, ids)
        return {(doc, rev) for doc in ids for rev in get_tree(snapshot, database.number, records[doc]).nodes}


def live_leaves(node, doc) -> list[Rev]:
    database = node.database
    with database.environment.snapshot() as snapshot:
        record = get_record(snapshot, database.number, doc)
        if record is None:
            return []
        tree = get_tree(snapshot, database.number, record)
    return [rev for rev in tree.leaves() if not tree.nodes[rev].deleted]


async def contents_of(node, doc) -> dict[Rev, object]:
    """Each leaf as JSON, attachments with their bytes; without ``_revisions``, of which a node may know more."""
    found = node.database.open_revs(doc, "all", OpenOptions(attachments=True))
    return {opened.rev: decode(b"".join([piece async for piece in opened.stream()])) for opened in found}
