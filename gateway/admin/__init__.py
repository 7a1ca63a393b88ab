"""The admin face: HTTP with JSON on a Unix socket, open to root, to the daemon's own user and to the admin group."""
