"""The Python API: `functions` are what `import batch` gives, `options` what they take."""
