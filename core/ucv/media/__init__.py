"""Formats and protocols as pure state machines: bytes in, events out, no I/O.

Nothing here imports anything else of the hub: it can be fuzzed and replayed without a socket.
"""
