"""gRPC over HTTP/2 (RFC 9113) for calls whose bytes are handed on: a tenth of the processor time that a Python handler of gRPC's own
library takes for a small message (docs/decisions/0016).

`connection.py` is HTTP/2 without I/O: bytes in, bytes out, streams between. `stream.py` is one call on it, `headers.py` and
`messages.py` what gRPC adds, `decoding.py` how heads are read. `protocol.py` and `server.py` put it on sockets.
"""
