"""Who hears of what happened: listeners, the log, the sums.

Rule of this folder: whatever an observer does, no call notices, and nothing that is told holds
anybody's words.
"""
