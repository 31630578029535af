"""What requests ask: query strings, headers and option bodies as frozen values, read once."""
