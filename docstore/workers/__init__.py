"""Worker processes: whatever computes for long does so beside the server, not in it."""
