"""Attachments' bytes in tables: blobs, stagings, uploads, garbage."""
