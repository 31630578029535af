"""What a profile says of settings, and that whoever sets one otherwise means it."""

from docstore.config.configuration import Configuration, Source
from docstore.config.profiles import PROFILE
from docstore.settings import MIB, Limits, Profile, Settings

SIZE = ("couchdb", "max_document_size")


def test_as_cloudant_the_limits_are_its(tmp_path):
    for profile in (Profile.CLOUDANT, Profile.CLOUDANT_GEN2):
        config = Configuration(Settings(data=tmp_path, profile=profile))
        limits = config.settings().limits
        assert (limits.max_document_size, limits.max_attachment_size) == (MIB, 10 * MIB)
        assert (limits.max_request_body, limits.max_databases) == (64 * MIB, 200)
        assert dict(config.entries())[SIZE].source is Source.PROFILE


def test_as_couchdb_nothing_changes(tmp_path):
    config = Configuration(Settings(data=tmp_path))
    assert config.settings().limits == Limits()
    assert Source.PROFILE not in {entry.source for _, entry in config.entries()}


def test_the_profile_may_be_said_anywhere(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[docstore]\nprofile = "cloudant"\n')
    base = Settings(data=tmp_path)
    assert Configuration(base, file=file).settings().limits.max_databases == 200
    assert Configuration(base, environment={PROFILE: "cloudant"}).settings().profile is Profile.CLOUDANT
    told = Configuration(base, file=file, command_line={PROFILE: "couchdb"}).settings()
    assert (told.profile, told.limits) == (Profile.COUCHDB, Limits())


def test_what_is_set_goes_before_the_profile(tmp_path):
    words = {PROFILE: "cloudant", SIZE: "5"}
    assert Configuration(Settings(data=tmp_path), command_line=words).settings().limits.max_document_size == 5
    asked = Settings(data=tmp_path, profile=Profile.CLOUDANT, limits=Limits(max_document_size=7))
    limits = Configuration(asked).settings().limits
    assert (limits.max_document_size, limits.max_databases) == (7, 200)
