"""What a cache offers beside lookup and update, by subject: its methods, and views of it.

Rule of this folder: nothing is decided here; a method names the flow that decides and has the
driver run it.
"""
