"""HTTP/1.1 over asyncio: connections, what of a request was written, exceptions at the wire."""
