"""Programs that measure what we claim, against servers they start themselves: `python -m scripts.figures.NAME`."""
