"""Tests of the face for mail programs: dialogues over real sockets."""
