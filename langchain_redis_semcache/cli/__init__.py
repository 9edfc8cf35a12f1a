"""The `semcache` command; it uses what an application could use, and nothing else."""
