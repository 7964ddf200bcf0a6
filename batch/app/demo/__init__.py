"""The demos, with nothing to configure: of a run, and of workers over a PostgreSQL of their own."""
