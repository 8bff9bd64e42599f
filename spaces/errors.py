"""The one exception that means "the user's input is wrong"."""


class InputError(Exception):
    """Bad input: a file, folder, option or value that the user can correct.

    Its message is shown as the single line of a failed command (exit code 2), so it names the file or option, the
    value that was found, and what would be right. Every command turns it into that line in
    `spaces.command_line.run_command`.
    """
