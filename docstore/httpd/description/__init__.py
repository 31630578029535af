"""The API described for machines: what there is to ask, as OpenAPI 3.1."""
