"""The mime room, by offset."""
