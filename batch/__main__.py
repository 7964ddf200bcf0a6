"""`python -m batch` is the command `wegly-batch`."""

from batch.cli.main import main

if __name__ == "__main__":
    main()
