"""Unit tests: no server, no sockets."""
