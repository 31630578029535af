"""HTTP itself: connections, bodies, multipart, ranges, paths, replies piece by piece. No word of documents."""
