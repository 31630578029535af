"""The HTTP API: aiohttp in front of the databases. No rule about documents lives in this package."""
