"""What the end-to-end and interop tests stand on: processes, sockets, bore's wire, local services.

Only the standard library is used. Everything that opens something is a context manager.
"""
