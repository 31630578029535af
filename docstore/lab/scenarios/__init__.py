"""The scenarios that come with docstore, as TOML files. It owns no code."""
