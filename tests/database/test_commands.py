"""Commands are plain data: they survive a trip through bytes."""

import pickle
from dataclasses import fields, is_dataclass

import pytest

from docstore.core.edit import Edit
from docstore.core.resolution import Resolution
from docstore.core.rev import Rev
from docstore.core.unique.definition import Definition
from docstore.database import commands
from docstore.database.apply import putting_back, remembered, reply_forms, unique
from docstore.database.apply.updater import HANDLERS
from docstore.storage.attachments.upload_rows import Refusal, UploadRow
from docstore.storage.image import Image

REV = Rev(1, b"\x01" * 16)
UUID = b"u" * 16
EDIT = Edit("a", REV, False, b'{"n":1}', b"term", path=(REV,))
EXAMPLES = [
    commands.EditDocuments(1, (EDIT, EDIT), False),
    commands.PutLocal(1, "_local/a", 1, b"{}"),
    commands.ResolveDocuments(1, (Resolution("a", (REV,), result=EDIT), Resolution("b", (REV,), REV))),
    commands.DeleteLocal(1, "_local/a"),
    commands.CreateDatabase("db", "00" * 16, 5, 2, 1000, 1000),
    commands.DeleteDatabase("db"),
    commands.SweepDatabase(1),
    commands.CompactDatabase(1, 0),
    commands.SetSecurity(1, b"{}"),
    commands.SetRevsLimit(1, 5),
    commands.SetPurgedInfosLimit(1, 5),
    commands.Purge(1, (commands.PurgeRequest("u", "a", (REV,)),)),
    commands.BeginUpload(1, UUID, UploadRow("a", "b", "image/png", REV, 5, md5=b"m")),
    commands.AppendUpload(1, UUID, 0, b"abc", 5, trial=True),
    commands.AcceptUpload(1, UUID, 3),
    commands.RewindUpload(1, UUID),
    commands.SetUploadLength(1, UUID, 3),
    commands.SealUpload(1, UUID, 3, b"sha256", b"md5"),
    commands.AdoptUpload(1, UUID, 3, 7),
    commands.CompleteUpload(UUID, commands.EditDocuments(1, (EDIT,)), 5),
    commands.RefuseUpload(1, UUID, Refusal("conflict", "Document update conflict.")),
    commands.CancelUpload(1, UUID),
    commands.ExpireUploads(((1, UUID),), 5),
    remembered.Remembered(
        remembered.Receipt("db", "sue", "key", b"f" * 32, 5, 6, 7, 8),
        (commands.EditDocuments(1, (EDIT,)), commands.PutLocal(1, "_local/a", 1, b"{}")),
        reply_forms.BulkForm(("a", "_local/a")),
    ),
    remembered.Refused("error", "Invalid rev format"),
    remembered.ExpireReplies(5, b"position"),
    unique.BeginUnique(1, "_design/u", "v", Definition(("email",), b'{"a":{"$eq":1}}')),
    unique.BuildUnique(1, 2, "1"),
    unique.GiveUpUnique(1, 2),
    unique.SweepUnique(1, 2),
    unique.RenewUnique(1, 2),
    unique.MendUnique(1),
    putting_back.PutBackImage(Image((), (), b"")),
]


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: type(command).__name__)
def test_round_trip(command):
    assert pickle.loads(pickle.dumps(command)) == command


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: type(command).__name__)
def test_cannot_be_changed(command):
    with pytest.raises(AttributeError):
        setattr(command, fields(command)[0].name, None)


def test_every_handler_is_for_a_command():
    modules = {module.__name__ for module in (commands, putting_back, remembered, unique)}
    assert all(is_dataclass(handled) and handled.__module__ in modules for handled in HANDLERS)
    assert {type(example) for example in EXAMPLES} <= {*HANDLERS, commands.EditDocuments, remembered.Remembered}


def test_cost_counts_bodies_and_edits():
    assert EXAMPLES[0].cost == 2 * (len(EDIT.body) + commands.EDIT_COST)
    assert EXAMPLES[1].cost == 2
    assert EXAMPLES[2].cost == len(EDIT.body)
    assert commands.AppendUpload(1, UUID, 0, b"abc", 5).cost == 3
    assert (
        next(example for example in EXAMPLES if isinstance(example, remembered.Remembered)).cost
        == commands.EDIT_COST + 7 + 2
    )
