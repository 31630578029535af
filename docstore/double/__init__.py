"""What turns a server into a test double: rules that make it misbehave, a journal, and the paths that control both.

``docstore serve`` imports nothing of this, so none of it can be on in production; a test reads the imports.
"""
