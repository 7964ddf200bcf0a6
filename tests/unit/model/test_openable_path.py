"""Paths of more than 259 characters, which Windows opens in a form of their own."""

from pathlib import Path

import pytest

from batch.model.sheets import openable_path

DEEP = "\\".join(["pasta" * 10] * 6)


@pytest.mark.parametrize(
    ("path", "opened"),
    [
        (rf"C:\{DEEP}\contatos.xlsx", rf"\\?\C:\{DEEP}\contatos.xlsx"),
        (rf"C:\outra\..\{DEEP}/contatos.xlsx", rf"\\?\C:\{DEEP}\contatos.xlsx"),
        (rf"\\servidor\envios\{DEEP}\a.csv", rf"\\?\UNC\servidor\envios\{DEEP}\a.csv"),
        (rf"\\?\C:\{DEEP}\contatos.xlsx", rf"\\?\C:\{DEEP}\contatos.xlsx"),
        ("C:\\" + "a" * 256, "C:\\" + "a" * 256),
        ("C:\\" + "a" * 257, "\\\\?\\C:\\" + "a" * 257),
    ],
)
def test_a_long_path_is_opened_by_its_long_form(path: str, opened: str) -> None:
    """Whole, without `..` and slashes, of a drive or a server; a short one stays, and each does on other systems."""
    assert str(openable_path(Path(path), system="win32")) == opened
    assert openable_path(Path(path), system="linux") == Path(path)
