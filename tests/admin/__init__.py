"""Tests of the admin face, over its real socket."""
