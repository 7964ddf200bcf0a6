"""report.xlsx: the user's workbook with result columns, or a new workbook where there is none."""
