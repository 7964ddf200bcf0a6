"""The init command: analyse a sheet, draft a campaign, write the file."""
