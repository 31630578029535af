"""A peer behind a URL: requests, credentials, pace, and the protocol in JSON and multipart."""
