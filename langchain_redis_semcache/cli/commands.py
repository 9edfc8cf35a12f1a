"""The commands of `semcache`, each in a module that is imported when it is called.

A command is a click command by its own name (`import_` for a word of Python) in the module that the
table names; its function returns the exit code.
"""

from __future__ import annotations

from importlib import import_module

import click

from .. import __version__

COMMANDS = {
    "doctor": ("looking", "Examine the server and what is stored."),
    "ls": ("looking", "List entries, all or those that every filter fits."),
    "show": ("looking", "Show one entry whole."),
    "explain": ("explaining", "Say whether a question would be answered, and why."),
    "rm": ("removing", "Remove one entry, or all that every filter fits."),
    "stats": ("counting", "Show what all processes have counted."),
    "tail": ("watching", "Say what all processes do, and show recorded hits as they come."),
    "export": ("moving", "Write all entries to a file."),
    "import": ("moving", "Store the entries of a file."),
    "warm": ("moving", "Store answers before they are asked for."),
    "off": ("switching", "Stop serving and storing in all processes."),
    "on": ("switching", "Serve and store again."),
    "set": ("switching", "Change the threshold or the ttl for all processes."),
    "unset": ("switching", "Go by each process's own threshold and ttl again."),
    "ui": ("ui", "Open a local page: what was served, right or wrong."),
    "calibrate": ("calibrating", "Find a distance threshold from labelled questions."),
}
"""The module, and what help says, which must not import it."""


class Commands(click.Group):
    """A group that imports of its commands only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        found = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0; 1 nothing found, or something is wrong; 2 usage; 130 interrupted.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def semcache(context: click.Context) -> None:
    """Look after a semantic cache. Questions and answers are shown to whoever runs this."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
