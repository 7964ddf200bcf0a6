"""Office Open XML: archive, XML, packages, shared strings and references, for loader and reporter."""
