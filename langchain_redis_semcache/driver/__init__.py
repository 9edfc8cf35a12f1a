"""Carries out what the flows ask for, in time: in the caller's thread, or on its event loop."""
