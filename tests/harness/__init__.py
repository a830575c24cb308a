"""Shared code of the Python tests: processes, sockets, bore's protocol, local services.

Only the standard library is used. Everything that opens something is a context manager.
"""
