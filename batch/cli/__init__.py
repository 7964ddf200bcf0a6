"""The command line: `commands` parse and print, `output` has the texts, the rest is the terminal itself."""
