"""A calibration as one HTML page: inline SVG, no script, nothing loaded from anywhere.

Everything that comes from the data goes through `escape`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from os import PathLike
from pathlib import Path

from .replay import Row
from .result import Calibration, Example

_NARROW, _WIDE, _HEIGHT = 500, 1020, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 40
_BINS = 50
_MOST = 25
_LONGEST = 400


def write_report(calibration: Calibration, path: str | PathLike[str]) -> None:
    """Write a calibration as one HTML page without scripts or external resources."""
    # Questions may hold what UTF-8 cannot (half of a surrogate pair).
    Path(path).write_text(render(calibration), encoding="utf-8", errors="replace")


def render(calibration: Calibration) -> str:
    """Return the whole page."""
    chosen, shown = calibration.chosen, calibration.shown
    stream = calibration.kind == "stream"
    what = "a stream with clusters" if stream else "labelled pairs"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Semantic cache calibration</title><style>\n{_style()}</style></head><body>",
        "<h1>Semantic cache calibration</h1>",
        f'<p class="soft">Embedding model <code>{escape(calibration.model)}</code>; {what}: '
        f"{shown.asked:,} questions asked, {calibration.stored:,} stored; target precision "
        f"{calibration.target_precision:g}.</p>",
        _verdict(calibration),
        *(f'<p class="soft">{escape(note)}</p>' for note in calibration.notes),
        _guards(calibration),
        '<div class="charts">',
        _precision_chart(calibration),
        _hit_rate_chart(calibration),
        "</div>",
        "<h2>Thresholds</h2>",
        "<p>The interval is wider where the errors come from a few topics.</p>",
        _thresholds(calibration.summary(), chosen),
        "<h2>Distances</h2>",
        _histogram(calibration),
        f"<h2>Worst false hits at {shown.threshold:g}</h2>",
        _false_hits_text(calibration),
        _examples(
            calibration.false_hits, "served the answer to", "clusters" if stream else "label"
        ),
        f"<h2>Nearest misses at {shown.threshold:g}</h2>",
        "<p>Questions that a stored answer was right for, and why it was not served.</p>",
        _examples(calibration.misses, "could have had the answer to", "missed by"),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _style() -> str:
    return (Path(__file__).parent / "report.css").read_text(encoding="utf-8")


def _verdict(calibration: Calibration) -> str:
    row = calibration.chosen
    if row is None or calibration.line is None:
        return (
            '<div class="verdict refused"><strong>No threshold can be recommended.</strong> '
            f"{escape(calibration.refusal or '')}</div>"
        )
    low, high = row.interval
    return (
        f'<div class="verdict"><code>{escape(calibration.line)}</code><br>'
        f"{row.hit_rate:.1%} of the questions were hits; {row.precision or 0:.1%} of those were "
        f"right (95&nbsp;% interval {low:.1%} to {high:.1%}); "
        f"{row.false_per_1000:.1f} wrong answers per 1,000 questions.</div>"
    )


def _guards(calibration: Calibration) -> str:
    guarded, plain = calibration.shown, calibration.unguarded
    if plain == guarded:
        return ""
    return (
        f"<p>Without guards, {plain.threshold:g} would have given {plain.hits:,} hits instead of "
        f"{guarded.hits:,}, and {plain.false_hits:,} wrong ones instead of "
        f"{guarded.false_hits:,}.</p>"
    )


def _false_hits_text(calibration: Calibration) -> str:
    if calibration.kind == "stream":
        return "<p>The clusters of the question asked and of the one served.</p>"
    return (
        "<p>“No label” means that nobody compared these two: they count as different. If they are "
        "the same, add them to the data and calibrate again.</p>"
    )


# --- charts ------------------------------------------------------------


class _Axes:
    """The frame of a chart, and where a value is in it."""

    def __init__(self, right: float, low: float, high: float, width: int = _NARROW) -> None:
        self.right, self.low, self.high, self.width = right, low, high, width

    def x(self, value: float) -> float:
        share = min(1.0, max(0.0, value / self.right))
        return _LEFT + share * (self.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - min(1.0, max(0.0, share)) * (_HEIGHT - _TOP - _BOTTOM)

    def point(self, x: float, y: float) -> str:
        return f"{self.x(x):.1f},{self.y(y):.1f}"

    def draw(self, title: str, body: Iterable[str], *, labels: bool = True) -> str:
        bottom = _HEIGHT - _BOTTOM
        wide = ' class="wide"' if self.width == _WIDE else ""
        parts = [
            f'<svg viewBox="0 0 {self.width} {_HEIGHT}" role="img" aria-label="{escape(title)}"'
            f"{wide}>"
        ]
        for value in _ticks(self.low, self.high):
            y = self.y(value)
            label = f"{value:.0%}" if labels else ""
            parts.append(_line(_LEFT, y, self.width - _RIGHT, y, "var(--line)"))
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
        for value in _ticks(0.0, self.right):
            parts.append(
                f'<text x="{self.x(value):.1f}" y="{bottom + 17}" text-anchor="middle">'
                f"{value:g}</text>"
            )
        parts.append(
            f'<text x="{(_LEFT + self.width) / 2:.0f}" y="{bottom + 35}" text-anchor="middle">'
            "cosine distance</text>"
        )
        return "".join((*parts, *body, "</svg>"))


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashed}/>'
    )


def _curve(points: Sequence[str], colour: str) -> str:
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _mark(axes: _Axes, threshold: float | None) -> str:
    if threshold is None:
        return ""
    x = axes.x(threshold)
    # Beside the line, on the side where there is room.
    left = x > axes.width / 2
    return (
        _line(x, _TOP, x, _HEIGHT - _BOTTOM, "var(--mark)", "5 4")
        + f'<text x="{x - 6 if left else x + 6:.1f}" y="{_HEIGHT - _BOTTOM - 8}" '
        f'text-anchor="{"end" if left else "start"}" style="fill:var(--mark)">{threshold:g}</text>'
    )


def _figure(caption: str, chart: str) -> str:
    return f'<figure><figcaption>{caption}</figcaption><div class="scroll">{chart}</div></figure>'


def _plotted(calibration: Calibration) -> list[Row]:
    last = calibration.last_of_interest().threshold
    return [row for row in calibration.table if row.threshold <= last]


def _precision_chart(calibration: Calibration) -> str:
    table = [row for row in _plotted(calibration) if row.precision is not None]
    target = calibration.target_precision
    lowest = min((row.precision or 0.0 for row in table), default=0.0)
    right = calibration.last_of_interest().threshold
    axes = _Axes(right, max(0.0, min(lowest, target) - 0.08), 1.0)
    body = []
    if table:
        upper = [axes.point(row.threshold, row.interval[1]) for row in table]
        lower = [axes.point(row.threshold, row.interval[0]) for row in reversed(table)]
        body.append(f'<polygon points="{" ".join(upper + lower)}" fill="var(--band)"/>')
        curve = [axes.point(row.threshold, row.precision or 0.0) for row in table]
        body.append(_curve(curve, "var(--same)"))
    y = axes.y(target)
    body.append(_line(_LEFT, y, axes.width - _RIGHT, y, "var(--other)", "2 3"))
    body.append(
        f'<text x="{axes.width - _RIGHT}" y="{y + 15:.1f}" text-anchor="end" '
        f'style="fill:var(--other)">target {target:g}</text>'
    )
    body.append(_mark(axes, calibration.recommended))
    return _figure("Precision, with its 95 % interval", axes.draw("Precision by threshold", body))


def _hit_rate_chart(calibration: Calibration) -> str:
    table = _plotted(calibration)
    axes = _Axes(table[-1].threshold, 0.0, max(0.05, 1.1 * max(row.hit_rate for row in table)))
    right = [(row.hits - row.false_hits) / row.asked for row in table]
    body = [
        _curve([axes.point(row.threshold, row.hit_rate) for row in table], "var(--same)"),
        _curve(
            [axes.point(row.threshold, row.false_hits / row.asked) for row in table], "var(--other)"
        ),
        _mark(axes, calibration.recommended),
    ]
    title = f"Hit rate by threshold, up to {max(right):.0%} of the questions served rightly"
    caption = f"{_key('same')} Hits and {_key('other')} false hits, of all questions"
    return _figure(caption, axes.draw(title, body))


def _key(name: str) -> str:
    return f'<span class="key" style="background:var(--{name})"></span>'


def _histogram(calibration: Calibration) -> str:
    same, different = calibration.same, calibration.different
    right = max((*same, *different, 0.1))
    counts = [_counted(values, right) for values in (same, different)]
    # Above and below the axis, so that neither hides the other; each as a share of its own kind.
    shares = [
        [count / max(1, len(values)) for count in counted]
        for counted, values in zip(counts, (same, different), strict=True)
    ]
    most = max(map(max, shares)) or 1.0
    axes = _Axes(right, -1.05 * most, 1.05 * most, _WIDE)
    body = [_line(_LEFT, axes.y(0), axes.width - _RIGHT, axes.y(0), "var(--soft)")]
    for counted, share, sign, colour in (
        (counts[0], shares[0], 1, "same"),
        (counts[1], shares[1], -1, "other"),
    ):
        for number, value in enumerate(share):
            if value:
                x, end = axes.x(number * right / _BINS), axes.x((number + 1) * right / _BINS)
                top = min(axes.y(0), axes.y(sign * value))
                height = abs(axes.y(0) - axes.y(sign * value))
                body.append(
                    f'<rect x="{x:.1f}" y="{top:.1f}" width="{max(1.0, end - x - 1):.1f}" '
                    f'height="{height:.1f}" fill="var(--{colour})">'
                    f"<title>{counted[number]}</title></rect>"
                )
    body.append(_mark(axes, calibration.recommended))
    # The labels of the vertical axis would be shares of two totals.
    svg = axes.draw("Distances of same and different questions", body, labels=False)
    kinds = (
        "labelled pairs"
        if calibration.kind == "pairs"
        else "each question to the nearest earlier one of its own and of another cluster"
    )
    caption = (
        f"{_key('same')} {len(same):,} same (above) and {_key('other')} {len(different):,} "
        f"different (below): {kinds}"
    )
    return _figure(caption, svg)


def _counted(values: Sequence[float], right: float) -> list[int]:
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int(value / right * _BINS))] += 1
    return counts


def _ticks(low: float, high: float) -> list[float]:
    """Return at most seven round numbers."""
    step = next(
        (size for size in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / size <= 6.5), 1.0
    )
    first = int(low / step) - 1
    values = [round((first + i) * step, 6) for i in range(10)]
    return [value for value in values if low - 1e-9 <= value <= high + 1e-9]


# --- tables ------------------------------------------------------------


def _thresholds(table: Iterable[Row], chosen: Row | None) -> str:
    lines = [
        '<div class="scroll"><table><thead><tr>',
        *(
            f'<th class="number">{name}</th>'
            for name in (
                "threshold",
                "hits",
                "hit rate",
                "precision",
                "95&nbsp;% interval",
                "false hits per 1,000",
            )
        ),
        "</tr></thead><tbody>",
    ]
    for row in table:
        low, high = row.interval
        cells = (
            f"{row.threshold:g}",
            f"{row.hits:,}",
            f"{row.hit_rate:.1%}",
            "" if row.precision is None else f"{row.precision:.1%}",
            f"{low:.1%} to {high:.1%}" if row.hits else "",
            f"{row.false_per_1000:.1f}",
        )
        mark = ' class="chosen"' if row == chosen else ""
        lines.append(f"<tr{mark}>")
        lines.extend(f'<td class="number">{cell}</td>' for cell in cells)
        lines.append("</tr>")
    return "".join((*lines, "</tbody></table></div>"))


def _examples(examples: Sequence[Example], verb: str, reason: str) -> str:
    if not examples:
        return "<p>None.</p>"
    lines = [
        '<div class="scroll"><table><thead><tr><th class="number">distance</th><th>asked</th>'
        f"<th>{verb}</th><th>{reason}</th></tr></thead><tbody>"
    ]
    for example in examples[:_MOST]:
        lines.append(
            f'<tr><td class="number">{example.distance:.3f}</td>'
            f"<td>{_shortened(example.asked)}</td><td>{_shortened(example.cached)}</td>"
            f"<td>{escape(example.reason)}</td></tr>"
        )
    lines.append("</tbody></table></div>")
    if len(examples) > _MOST:
        lines.append(f'<p class="soft">{len(examples) - _MOST:,} more.</p>')
    return "\n".join(lines)


def _shortened(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
