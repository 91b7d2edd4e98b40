"""Migration files on disk: names, order, checksums, what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from datalayer.errors import MigrationError
from datalayer.migrations.files import packaged_directory, read_series


def test_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Numbers count, not text: a file with more digits comes later, other files are left alone."""
    for name in ("20250101120000_late.sql", "0002_second.sql", "0001_first.sql", "notes.txt"):
        (tmp_path / name).write_text("select 1;")
    series = read_series("postgres", tmp_path)
    assert [file.name for file in series.files] == ["first", "second", "late"]
    assert series.name == "application"


def test_checksum_is_the_same_with_either_line_ending(tmp_path: Path) -> None:
    """A checkout on Windows does not count as an edit."""
    file = tmp_path / "0001_first.sql"
    checksums = []
    for text in (b"select 1;\nselect 2;\n", b"select 1;\r\nselect 2;\r\n", b"\xef\xbb\xbfselect 1;\nselect 2;\n"):
        file.write_bytes(text)
        checksums.append(read_series("sqlite", tmp_path).files[0].checksum)
    assert len(set(checksums)) == 1


def test_first_line_makes_a_file_non_transactional(tmp_path: Path) -> None:
    """The marker counts on the first line only."""
    (tmp_path / "0001_outside.sql").write_text("-- datalayer: non-transactional\nbegin; commit;")
    (tmp_path / "0002_inside.sql").write_text("-- about\n-- datalayer: non-transactional\nselect 1;")
    assert [file.transactional for file in read_series("postgres", tmp_path).files] == [False, True]


@pytest.mark.parametrize("name", ["1_short.sql", "0001-dash.sql", "0001_Upper.sql", "first.sql"])
def test_file_with_another_kind_of_name_is_refused(tmp_path: Path, name: str) -> None:
    """A SQL file that would never run is an error, not silence."""
    (tmp_path / name).write_text("select 1;")
    with pytest.raises(MigrationError, match=r"like 0001_first_table\.sql"):
        read_series("postgres", tmp_path)


def test_two_files_of_one_version_are_refused(tmp_path: Path) -> None:
    """Both names are said."""
    (tmp_path / "0001_one.sql").write_text("select 1;")
    (tmp_path / "00001_two.sql").write_text("select 1;")
    with pytest.raises(MigrationError, match=r"renumber one: .*one\.sql.*|renumber one: .*two\.sql.*"):
        read_series("postgres", tmp_path)


def test_transaction_statement_in_a_transactional_file_is_refused(tmp_path: Path) -> None:
    """A COMMIT half-way would end the file's own transaction; the line and the way out are said."""
    (tmp_path / "0001_one.sql").write_text("select 1;\ncommit;")
    with pytest.raises(MigrationError, match=r"0001_one\.sql, line 2: .*non-transactional") as caught:
        read_series("postgres", tmp_path)
    assert caught.value.version == "0001"


def test_directory_without_files_is_refused(tmp_path: Path) -> None:
    """A wrong path is said, not taken for a finished job."""
    with pytest.raises(MigrationError, match="holds no migration file"):
        read_series("postgres", tmp_path)
    with pytest.raises(MigrationError, match="there is no directory"):
        read_series("postgres", tmp_path / "away")


def test_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """The file's name is said."""
    (tmp_path / "0001_one.sql").write_bytes("select 'имя';".encode("cp1251"))
    with pytest.raises(MigrationError, match=r"0001_one\.sql is not UTF-8"):
        read_series("postgres", tmp_path)


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_package_brings_its_own_files(store: str) -> None:
    """Both databases have files, all transactional, numbered without a gap."""
    series = read_series(store)
    assert packaged_directory(store).is_dir()
    assert series.name == "datalayer"
    assert [int(file.version) for file in series.files] == list(range(1, len(series.files) + 1))
    assert all(file.transactional and file.statements for file in series.files)
