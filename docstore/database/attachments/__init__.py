"""Attachments' bytes: received, kept, opened, collected; and uploads that resume."""
