from docstore.lab.growth import KEPT_FRAMES, ConflictChange, Growth
from tests.database.helpers import document, replicated


async def test_a_frame_for_each_step_that_was_seen(nodes):
    database, growth = nodes[0].database, Growth()
    assert growth.look("left", database, 1, "nothing yet") == []
    await database.update_docs([replicated("d", "1-a"), replicated("other", "1-a")], new_edits=False)
    assert growth.look("left", database, 2, "first") == []
    await database.update_docs([replicated("d", "2-b", "1-a")], new_edits=False)
    growth.look("left", database, 3, "second")
    growth.look("left", database, 4, "nothing new")
    frames = growth.frames("d")["left"]
    assert [(frame.at, frame.cause, len(frame.tree.nodes)) for frame in frames] == [(2, "first", 1), (3, "second", 2)]
    assert len(growth.frames("other")["left"]) == 1
    assert growth.frames("unknown") == {}


async def test_conflicts_are_told_when_they_come_and_when_they_go(nodes):
    database, growth = nodes[0].database, Growth()
    await database.update_docs([replicated("d", "2-b", "1-a")], new_edits=False)
    assert growth.look("left", database, 1, "") == []
    await database.update_docs([replicated("d", "2-c", "1-a")], new_edits=False)
    assert growth.look("left", database, 2, "") == [ConflictChange("d", True, 2)]
    await database.update_docs([replicated("d", "2-d", "1-a")], new_edits=False)
    assert growth.look("left", database, 3, "") == [], "it has a conflict still"
    lost = [document("d", f"2-{letter * 32}", deleted=True) for letter in "bc"]
    assert [result.error for result in await database.update_docs(lost)] == [None, None]
    assert growth.look("left", database, 4, "") == [ConflictChange("d", False, 1)]
    assert growth.conflicted() == ["d"]


async def test_very_many_steps_are_not_all_kept(nodes):
    database, growth = nodes[0].database, Growth()
    for number in range(1, KEPT_FRAMES + 11):
        path = [f"{generation}-a" for generation in range(number, 0, -1)]
        await database.update_docs([replicated("d", *path)], new_edits=False)
        growth.look("left", database, number, "")
    frames = growth.frames("d")["left"]
    assert [frames[0].at, frames[1].at, frames[-1].at] == [1, 12, KEPT_FRAMES + 10]
    assert (len(frames), growth.dropped("d", "left")) == (KEPT_FRAMES, 10)


async def test_nodes_are_kept_apart(nodes):
    growth = Growth()
    for at, node in enumerate(nodes):
        await node.database.update_docs([replicated("d", "1-a")], new_edits=False)
        growth.look(node.name, node.database, at, node.name)
    assert {name: frames[0].at for name, frames in growth.frames("d").items()} == {"left": 0, "right": 1}
    assert growth.conflicted() == []
