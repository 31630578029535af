"""Documents in tables: records, trees, ids, counts, scans, and what compaction leaves."""
