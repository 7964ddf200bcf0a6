"""Read-only queries over runs, results and corrections."""
