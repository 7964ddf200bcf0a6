"""`wegly-batch completion`."""

import click
from click.shell_completion import get_completion_class

from batch.cli.help_i18n import TranslatedCommand
from batch.cli.terminal import echo


@click.command("completion", cls=TranslatedCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> None:
    """Print what has a shell complete commands, options and names of files.

    For bash put this line into ~/.bashrc: eval "$(wegly-batch completion bash)"

    For zsh into ~/.zshrc, below compinit: eval "$(wegly-batch completion zsh)"

    For fish once: wegly-batch completion fish > ~/.config/fish/completions/wegly-batch.fish
    """
    root = click.get_current_context().find_root()
    completion = get_completion_class(shell)
    if completion is not None:
        echo(completion(root.command, {}, "wegly-batch", "_WEGLY_BATCH_COMPLETE").source())
