"""The distances of served hits as a picture: inline SVG, drawn by the server; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_WIDTH, _HEIGHT = 1020, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 18, 34
_BIN = 0.01
_FEWEST_BINS = 20
_MOST_BINS = 200


def histogram(distances: Sequence[float]) -> str:
    """Draw how many hits there were at each distance."""
    counts = Counter(min(_MOST_BINS - 1, max(0, int(one / _BIN + 1e-9))) for one in distances)
    bins = max(_FEWEST_BINS, *(number + 1 for number in counts), 0)
    most = max(counts.values(), default=1)
    wide = (_WIDTH - _LEFT - _RIGHT) / bins
    high = _HEIGHT - _TOP - _BOTTOM
    foot = _HEIGHT - _BOTTOM
    drawn = []
    for number, count in sorted(counts.items()):
        tall = max(1.0, high * count / most)
        drawn.append(
            f'<rect class="bar" x="{_LEFT + wide * number + 1:.1f}" y="{foot - tall:.1f}" '
            f'width="{max(1.0, wide - 2):.1f}" height="{tall:.1f}">'
            f"<title>{number * _BIN:.2f} to {(number + 1) * _BIN:.2f}: {count:,}</title></rect>"
        )
    every = max(1, round(bins / 10))
    for number in range(0, bins + 1, every):
        at = _LEFT + wide * number
        drawn.append(_line(at, foot, at, foot + 5))
        drawn.append(
            f'<text x="{at:.1f}" y="{foot + 20}" text-anchor="middle">{number * _BIN:.2f}</text>'
        )
    drawn.append(f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{most:,}</text>')
    drawn.append(f'<text x="{_LEFT - 6}" y="{foot}" text-anchor="end">0</text>')
    drawn.append(_line(_LEFT, foot, _WIDTH - _RIGHT, foot))
    said = f"{len(distances):,} hits by distance, at most {most:,} in one hundredth"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">'
        f"{''.join(drawn)}</svg>"
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="tick" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
