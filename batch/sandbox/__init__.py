"""A local imitation of the API, for trying out and for tests."""
