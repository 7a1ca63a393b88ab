"""Bytes in, bytes out: everything about a message by byte offset, nothing parsed and written again."""
