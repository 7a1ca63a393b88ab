"""The trial provider, its faults, and the story that `postern trial` plays."""
