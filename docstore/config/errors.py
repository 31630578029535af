"""What can be wrong with a setting.

    DocstoreError
      BadRequest                       400
        InvalidSetting                      bad_request

Owns this class.
"""

from docstore.errors import BadRequest


class InvalidSetting(BadRequest):
    """A section, key or value that cannot be, or a file of settings that cannot be read. Nothing was changed."""
