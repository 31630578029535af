"""Configuration: words by section and key, from where they come, where they are kept, and what they set."""
