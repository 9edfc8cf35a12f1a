"""What a server is told, before it is started."""

from __future__ import annotations

import pytest

from langchain_redis_semcache.embedded.server import checked_options, configuration


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (("save", ""), 'save ""'),
        (("save", "900 1 60 100"), "save 900 1 60 100"),
        (("maxmemory", "10mb"), 'maxmemory "10mb"'),
        (("dir", '/a b/"c"\\d'), 'dir "/a b/\\"c\\"\\\\d"'),
        (("requirepass", "two words"), 'requirepass "two words"'),
    ],
)
def test_options_become_lines_of_redis_conf(option: tuple[str, str], line: str) -> None:
    """Words stay words, while paths and passwords stay whole, whatever they contain."""
    assert configuration(dict([option])) == line + "\n"


def test_option_names_are_read_as_redis_reads_them() -> None:
    """Upper and lower case in option names are the same, so that none comes twice."""
    assert checked_options({"MaxMemory": "1mb"}) == {"maxmemory": "1mb"}
