"""A server with two databases that may be replicated, and what its jobs look like."""

import asyncio

from tests.httpd.asking import Database

DEADLINE = 20.0


class Server:
    """A server with two databases, ``a`` with a document and ``b`` without."""

    def __init__(self, server, client) -> None:
        self.node = server.node
        self.url = server.url
        self.root = Database(client, "")
        self.a = Database(client, "a")
        self.b = Database(client, "b")

    async def ask(self, method, path, body=None, /):
        return await Database(self.root.client, path).ask(method, "", body)

    async def replicate(self, **body):
        return await self.ask("POST", "_replicate", body)

    def ends(self, **more):
        return {"source": f"{self.url}/a", "target": f"{self.url}/b", **more}

    async def jobs(self):
        return (await self.ask("GET", "_scheduler/jobs")).json["jobs"]

    async def until(self, holds):
        """Ask until it holds."""
        async with asyncio.timeout(DEADLINE):
            while True:
                if found := await holds():
                    return found


async def present(db, doc_id):
    """Whether the document is there."""
    return (await db.get(doc_id)).status == 200
