from docstore.config.toml_lines import line_of

TEXT = '''\
title = "x"
about = """
do = "not a key"
[[step]]
"""
[[step]]
at = "1s"
do = "write"

# [[step]]
[[step]]
  at = 5
  "do" = "delete"
body = { n = 1,
  m = 2 }

[table]
key = 1
'''


def test_keys_are_found_in_their_tables():
    assert line_of(TEXT, ("title",)) == 1
    assert line_of(TEXT, ("step", 0, "do")) == 8
    assert line_of(TEXT, ("step", 1, "at")) == 12
    assert line_of(TEXT, ("step", 1, "do")) == 13
    assert line_of(TEXT, ("table", "key")) == 18


def test_what_is_not_there_is_looked_for_further_up():
    assert line_of(TEXT, ("step", 1, "node")) == 11
    assert line_of(TEXT, ("step", 1, "body", "m", "x")) == 14
    assert line_of(TEXT, ("step",)) == 6
    assert line_of(TEXT, ("link", 3)) is None
    assert line_of(TEXT, ()) is None
