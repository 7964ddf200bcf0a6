"""Column mapping: cells of a row to the contact and the template fields that the campaign asks for."""
