"""Commands: words in, words out. Data goes to stdout, talk to stderr."""
