"""A feed as a reply: changes that are written as they come, until nobody reads them any more.

Owns the way from what is read and how it is framed to the reply; its normal form is no feed, and not made here. It must
not know what the rows say.
"""

from docstore.database.database import Database
from docstore.database.reading.changes import ChangesQuery, ReadChanges, follow_changes
from docstore.httpd.listings.changes_framing import Framing, written
from docstore.httpd.params.changes import ChangesParams, Feed
from docstore.httpd.wire.streaming import StreamReply


def feed_reply(
    database: Database, query: ChangesQuery, params: ChangesParams, framing: Framing, read: ReadChanges
) -> StreamReply:
    """A feed that waits for changes: ``longpoll`` for the first, any other for as long as it is read."""
    subscription = database.notifier.subscribe(database.number)
    slices = follow_changes(
        database,
        query,
        subscription=subscription,
        once=params.feed == Feed.LONGPOLL,
        patience=params.timeout,
        heartbeat=params.heartbeat,
        read=read,
    )
    return StreamReply(
        written(slices, framing),
        content_type=framing.content_type,
        cache_control=framing.cache_control,
        feed=True,
        ending=framing.end,
        hurry=subscription.end,
    )
