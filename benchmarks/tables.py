"""Write the tables of docs/*.md and of the README from the result files.

    python benchmarks/tables.py

A table stands between `<!-- name -->` and `<!-- /name -->`; everything else is left alone. A
table whose result file is missing stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = ("langchain-redis", "redisvl", "langchain-community")
OPERATIONS = ("exact", "semantic", "miss", "update")
_LAYOUTS = ("one", "share 10", "share 1000", "same 1000")


def load(name: str) -> dict[str, Any]:
    return json.loads((HERE / "results" / f"{name}.json").read_text())


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def times(value: float) -> str:
    """Return a ratio with three significant digits."""
    return f"{value:.0f} x" if value >= 100 else f"{value:.3g} x"


def sizes(data: dict[str, Any], marker: str) -> list[int]:
    found = {int(path.split("/")[0]) for path in data["results"] if marker in path}
    return sorted(found)


def ratio(data: dict[str, Any], path: str, name: str, base: str, what: str = "p50") -> float:
    rows = data["results"][path]["us"]
    return rows[name][what] / rows[base][what]


THREADED = "ours, embedding in a thread"
ONE_BY_ONE = "semantic, call by call"


def setting() -> str:
    data = load("latency")
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    return (
        f"{data['date']}, {data['cpus']} processors for client and server together, "
        f"{data['system']}, Python {data['python']}; {versions}."
    )


def floor() -> str:
    data, rows = load("latency"), []
    bases = {"exact": "redis-py HGET", "semantic": "floor", "miss": "floor", "update": "raw HSET"}
    bases[ONE_BY_ONE] = "floor"
    for size in sizes(data, "/floor/exact"):
        for operation in ("exact", "semantic", ONE_BY_ONE, "miss", "update"):
            path, base = f"{size}/floor/{operation}", bases[operation]
            found = data["results"][path]["us"]
            rows.append(
                [
                    f"{size:,}",
                    operation,
                    f"{found['ours']['p50']:.0f} / {found['ours']['p99']:.0f}",
                    base if base != "floor" else "raw FT.SEARCH",
                    times(ratio(data, path, "ours", base)),
                    times(ratio(data, path, "ours", base, "p99")),
                    times(ratio(data, path, THREADED, base)) if THREADED in found else "",
                    times(found["tutorial"]["p50"] / found["ours"]["p50"])
                    if "tutorial" in found
                    else "",
                ]
            )
    header = ["entries", "operation", "ours p50 / p99, µs", "floor", "ours / floor, p50", "p99"]
    return table([*header, "embedding in a thread", "tutorial / ours"], rows)


def peers() -> str:
    data, rows = load("latency"), []
    for size in sizes(data, "/peers/exact"):
        for operation in (*OPERATIONS, *(f"async {name}" for name in OPERATIONS)):
            path = f"{size}/peers/{operation}"
            rows.append(
                [
                    f"{size:,}",
                    operation,
                    *(
                        f"{times(ratio(data, path, peer, 'ours'))} "
                        f"({times(ratio(data, path, peer, 'ours', 'p99'))})"
                        for peer in PEERS
                    ),
                ]
            )
    return table(["entries", "operation", *PEERS], rows)


def counts() -> str:
    data, rows = load("latency"), []
    size = sizes(data, "/counts/")[-1]
    for operation in ("exact", "semantic", "miss + update"):
        cells = []
        for name in ("ours", *PEERS):
            found = data["results"][f"{size}/counts/{operation}/{name}"]
            cells.append(" / ".join(f"{found[k]:g}" for k in found))
        rows.append([operation, *cells])
    return table(["operation", "ours", *PEERS], rows)


def scopes() -> str:
    data, rows = load("scopes"), []
    for size in sizes(data, "/same 1000/recall"):
        for layout in _LAYOUTS:
            found = data["results"][f"{size}/{layout}/recall"]
            cells = [f"{size:,}", layout, f"{found['recall']:.3f}", found["wrong_hits"]]
            for kind in ("hit", "miss"):
                path = f"{size}/{layout}/{kind}"
                cells += [times(ratio(data, path, n, "unfiltered")) for n in ("search", "filtered")]
            rows.append(cells)
    header = ["entries", "scopes", "recall", "hits of other scopes"]
    header += ["hit: ours", "hit: TAG filter", "miss: ours", "miss: TAG filter"]
    return table(header, rows)


def widths() -> str:
    """Return what EF_RUNTIME is worth where neighbours are hard to find."""
    data, rows = load("scopes"), []
    for name in ("sentences", "random"):
        for width in ("32", "64", "128"):
            found = data["results"].get(f"{name}/{width}/recall")
            if found is None:
                raise FileNotFoundError("no results")
            spent = times(ratio(data, f"{name}/search", width, "32"))
            rows.append([name, width, f"{found['recall']:.3f}", spent])
    return table(["vectors", "EF_RUNTIME", "recall", "time of a search"], rows)


def throughput() -> str:
    data, rows = load("throughput"), []
    for path, found in data["results"].items():
        if "ratio" not in found:
            continue
        size, kind, workers = path.split("/")
        threaded = f"{THREADED} per second"
        raw = next(key for key in found if key.endswith("per second") and key[:4] != "ours")
        rows.append(
            [
                f"{int(size):,}",
                kind,
                workers,
                f"{found['ours per second']:,}",
                f"{found[raw]:,} ({raw.removesuffix(' per second')})",
                times(found["ratio"]),
                f"{found[threaded]:,}" if threaded in found else "",
                found.get("ours lag p99 ms", ""),
            ]
        )
    header = ["entries", "hit", "at once", "ours, a second", "raw, a second", "ours / raw"]
    return table([*header, "embedding in a thread", "loop lag p99, ms"], rows)


def memory() -> str:
    data = load("memory")
    found = {path: row for path, row in data["results"].items() if "bytes_per_entry" in row}
    base = next(v for k, v in found.items() if k.endswith("/ours float32"))["bytes_per_entry"]
    rows = [
        [path.split("/")[1], f"{row['bytes_per_entry']:,}", times(row["bytes_per_entry"] / base)]
        for path, row in found.items()
    ]
    return table(["layout", "bytes per entry", "ratio"], rows)


def precision() -> str:
    data, rows = load("memory"), []
    for size in sizes(data, "/search"):
        found = data["results"][f"{size}/recall"]
        speed = ratio(data, f"{size}/search", "float16", "float32")
        rows.append([f"{size:,}", f"{found['float32']:.4f}", f"{found['float16']:.4f}"])
        rows[-1].append(times(speed))
    return table(["entries", "recall float32", "recall float16", "search time float16"], rows)


def client() -> str:
    data, rows = load("memory"), []
    for name in ("ours", *PEERS):
        found = data["results"][f"client/{name}"]
        rows.append([name, *(f"{found[key]:.0f}" for key in ("import_ms", "import_mb", "use_mb"))])
    return table(["library", "import, ms", "import, MB", "cache and 2,000 lookups, MB"], rows)


def chat() -> str:
    data, rows = load("chat"), []
    for name in [key.partition("/")[2] for key in data["results"] if key.startswith("totals/")]:
        found = data["results"][f"totals/{name}"]
        tail = data["results"]["all"]["us"][name]["p99"] / 1000
        kinds = [f"{data['results'][k]['us'][name]['p50'] / 1000:.1f}" for k in ("repeat", "new")]
        cells = [name, found["mean_ms"], f"{tail:.0f}", *kinds]
        cells += [found["model_calls"], found["embedding_calls"]]
        turn = data["results"]["conversation"]["us"][name]["p50"] / 1000
        embedded = data["results"][f"conversations/{name}"]["embeddings_per_turn"]
        rows.append([*cells, f"{turn:.1f}", embedded])
    header = ["cache", "mean, ms", "p99, ms", "repeat p50, ms", "new p50, ms", "model calls"]
    header += ["embedding calls", "a turn of a conversation p50, ms", "embeddings per turn"]
    return table(header, rows)


def scale() -> str:
    data, rows = load("scale"), []
    for size in sizes(data, "/entry"):
        found = data["results"][f"{size}/entry"]
        base = data["results"][f"{size}/semantic"]["base"]
        cells = [f"{size:,}"]
        for name in ("exact", "semantic", "miss"):
            row = data["results"][f"{size}/{name}"]["us"]["this size"]
            growth = ratio(data, f"{size}/{name}", "this size", base)
            cells.append(f"{row['p50']:.0f} / {row['p99']:.0f} ({times(growth)})")
        cells += [f"{found['recall']:.3f}", found["insert_us"], f"{found['bytes_per_entry']:,}"]
        rows.append(cells)
    header = ["entries", "exact p50 / p99, µs", "semantic", "miss", "recall", "insert, µs"]
    return table([*header, "bytes per entry"], rows)


def targets() -> str:
    rows = []
    for name in ("latency", "scopes", "throughput", "memory", "scale"):
        try:
            data = load(name)
        except FileNotFoundError:
            continue
        for one in data["targets"]:
            verdict = "yes" if one["met"] else "**no**"
            rows.append([name, one["target"], f"{one['value']:g}", f"{one['limit']:g}", verdict])
    if not rows:
        raise FileNotFoundError("no results")
    return table(["script", "target", "measured", "limit", "met"], rows)


def readme() -> str:
    """Return the one table on which people decide."""
    data = load("latency")
    size = sizes(data, "/peers/exact")[-1]
    rows = []
    for operation, said in (
        ("exact", "a repeated question"),
        ("semantic", "a reworded one"),
        ("miss", "a new one: looked up"),
        ("update", "a new one: stored"),
    ):
        path = f"{size}/peers/{operation}"
        rows.append([said, "1 x", *(times(ratio(data, path, peer, "ours")) for peer in PEERS)])
    for operation, said in (
        ("exact", "embeddings for a repeated question"),
        ("miss + update", "embeddings for a new one"),
    ):
        found = [data["results"][f"{size}/counts/{operation}/{n}"] for n in ("ours", *PEERS)]
        rows.append([said, *(f"{one['embeddings']:g}" for one in found)])
    head = f"Median time, {size:,} entries of {data['options']['dims']} dimensions"
    note = (
        f"\n\nMeasured {data['date']} in one run on {data['cpus']} processors with an embedder "
        "that takes no time; method, limits and all numbers: "
        "[docs/benchmarks.md](docs/benchmarks.md)."
    )
    return table([head, "this package", *PEERS], rows) + note


NAMES = {
    "gsm_plus": "arithmetic, one number or operation changed",
    "mqp": "medical, each with a deliberate look-alike",
    "qqp": "everyday, noisy labels",
    "gptcache_mock": "paraphrases only",
    "hard_pairs/all": "300 hand-written hard pairs in ten domains",
}
COLUMNS = {
    "mqp": "medical rewrites",
    "gsm_plus": "arithmetic",
    "gptcache_mock": "paraphrases",
    "banking77_stream": "banking stream",
    "clinc150_stream": "assistant stream",
    "qqp": "everyday, noisy labels",
}
EMBEDDERS = {"minilm": ("all-MiniLM-L6-v2", "0.15"), "wordllama": ("WordLlama (`local`)", "0.1")}
"""Their names, and the thresholds by default."""


def guarded() -> str:
    rows = []
    for name, said in NAMES.items():
        found = load("guards")["models"]["minilm"][name]
        plain, kept = found["plain"], found["guarded"]
        cells = [f"{plain[of]:.3f} -> {kept[of]:.3f}" for of in ("precision", "hit_rate")]
        rows.append([said, *cells, f"{found['right_kept']:.2f}"])
    return table(["questions", "precision", "hit rate", "right hits kept"], rows)


def thresholds() -> str:
    data, rows = load("guards")["models"], []
    for model, (said, default) in EMBEDDERS.items():
        for threshold in data[model]["mqp"]["at"]:
            found = [data[model][name]["at"][threshold] for name in COLUMNS]
            shown = f"{float(threshold):.2f}"
            cells = [f"{100 * f['hit_rate']:.1f} / {100 * f['precision']:.1f}" for f in found]
            rows.append([said, f"**{shown}**" if threshold == default else shown, *cells])
            said = ""
    asked = [f"{said} ({data['minilm'][name]['asked']:,})" for name, said in COLUMNS.items()]
    return table(["model", "threshold", *asked], rows)


def judged() -> str:
    """Return what neighbours that agree and a verifier add, beside the default threshold."""
    data, rows = load("agreement")["models"], []
    for model, (said, default) in EMBEDDERS.items():
        for name, asked in COLUMNS.items():
            runs = data[model][name.removesuffix("_stream")]
            cells = []
            for wanted in (
                {"static": float(default)},
                {"near": 0.1, "up_to": 0.3, "witnesses": 3},
                {"verifier": "0.08 to 0.3"},
            ):
                run = next(run for run in runs if wanted.items() <= run.items())
                cells.append(f"{100 * run['right']:.1f} / {100 * run['precision']:.1f}")
                if "static" not in wanted:
                    cells.append(f"{1000 * run['comparisons']:.0f}")
            rows.append([said.removesuffix(" (`local`)"), asked, *cells])
    header = ["model", "questions", "threshold", "`Agreement`", "calls", "verifier", "calls"]
    return table(header, rows)


def audited() -> str:
    data, rows = load("audit")["streams"], []
    for model, (said, _) in {"minilm": ("MiniLM", ""), "wordllama": ("WordLlama", "")}.items():
        for stream in ("banking77", "clinc150"):
            first = f"{said}, {stream}"
            for bound, runs in data[f"{stream} {model}"].items():
                run = runs[0]
                error = f"{run['error_rate']:.2%}" if run["hit_rate"] else "-"
                shares = [f"{run[of]:.1%}" for of in ("hit_rate", "static_hit_rate", "audited")]
                cells = [first, f"{float(bound):.0%}", error, *shares]
                rows.append([cell.replace("%", " %") for cell in cells])
                first = ""
    header = ["embeddings, stream", "bound", "error", "hits"]
    return table([*header, "best static threshold in hindsight", "audits"], rows)


PAGES: tuple[tuple[str, Callable[[], str]], ...] = (
    *(("quality", render) for render in (thresholds, judged)),
    *(("audit", render) for render in (guarded, audited)),
)
DOCS: tuple[Callable[[], str], ...] = (
    *(setting, floor, peers, counts, scopes, widths, throughput, memory, precision, client),
    *(chat, scale, targets),
)


def fill(page: Path, name: str, render: Callable[[], str]) -> None:
    text = page.read_text()
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        print(f"{page.name}: no place for {name}")
        return
    try:
        content = render()
    except (FileNotFoundError, KeyError) as error:  # of a part that was not measured yet
        print(f"{page.name}: no results for {name} ({error})")
        return
    page.write_text(pattern.sub(lambda m: f"{m[1]}{content}\n{m[2]}", text))


def main() -> None:
    for render in DOCS:
        fill(HERE.parent / "docs" / "benchmarks.md", render.__name__, render)
    for page, render in PAGES:
        fill(HERE.parent / "docs" / f"{page}.md", render.__name__, render)
    fill(HERE.parent / "README.md", "table", readme)


if __name__ == "__main__":
    main()
