"""The words of Postern as frozen values, and the errors: no I/O, no clock, nothing from above."""
