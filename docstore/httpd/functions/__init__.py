"""Endpoints that are functions of design documents: ``_show``, ``_list``, ``_update``, ``_rewrite``."""
