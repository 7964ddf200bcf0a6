"""One module for each command, of the command's name."""
