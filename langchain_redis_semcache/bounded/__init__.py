"""Calls that may hang or fail, each with an end."""
