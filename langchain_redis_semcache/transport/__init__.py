"""Commands out, replies back; nothing else in the package imports redis."""
