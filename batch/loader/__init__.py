"""Opens a sheet, finds its header, and turns its rows into checked contacts."""
