"""Full-text search: indexes on tantivy, built of design documents' functions, and what can be asked of them."""
