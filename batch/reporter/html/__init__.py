"""report.html and index.html: pages that work from a file, without a network."""
