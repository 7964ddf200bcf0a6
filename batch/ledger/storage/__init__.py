"""Tables, engine, locks and the writer thread on which plan, send, read and admin stand."""
