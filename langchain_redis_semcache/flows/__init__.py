"""What each operation does, as generators that yield effects; no redis, no asyncio."""
