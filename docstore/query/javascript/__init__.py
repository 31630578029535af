"""Functions of design documents: the engine that runs them, and what they find there."""
