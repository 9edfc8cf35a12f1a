"""`python -m langchain_redis_semcache` is the console script `semcache`."""

from __future__ import annotations

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
