"""From snapshots to answers."""
