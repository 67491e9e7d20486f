from __future__ import annotations

import io
import sqlite3
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from ucv.backup import BackupDamaged, BackupTooNew, WrongPassphrase, create_backup, restore_backup
from ucv.backup.archive import open_archive
from ucv.backup.envelope import CHUNK, Envelope, encrypted_size
from ucv.backup.manifest import check_name, parse
from ucv.config.paths import ConfigDirectory
from ucv.errors import CameraViewerError, NotFoundError, StorageError

PASSPHRASE = "correct horse battery"
REFUSED = (BackupDamaged, BackupTooNew, WrongPassphrase)

Forge = Callable[..., Path]


def read(path: Path, folder: Path) -> None:
    """Do all that a restore does before it touches anything."""
    with open_archive(path) as archive:
        archive.check()
        archive.extract(archive.unseal(PASSPHRASE), folder)


def contents(path: Path) -> list[tuple[int, int]]:
    """Return where the content of each member begins and ends."""
    data = path.read_bytes()
    found = []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            header = data[info.header_offset : info.header_offset + 30]
            start = info.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
            found.append((start, start + info.file_size))
    return found


def refused(path: Path, folder: Path, passphrase: str = PASSPHRASE) -> CameraViewerError:
    """Restore into a new folder, which must not even be made."""
    with pytest.raises(CameraViewerError) as error:
        restore_backup(path, ConfigDirectory(folder), lambda: passphrase)
    assert not folder.exists()
    return error.value


# --- accidents --------------------------------------------------------------------------------


def test_wherever_it_is_cut_off_it_is_refused(small_backup: Path, tmp_path: Path) -> None:
    content = small_backup.read_bytes()
    cut = tmp_path / "cut.zip"
    for length in range(len(content)):
        cut.write_bytes(content[:length])
        with pytest.raises(BackupDamaged):
            read(cut, tmp_path / "never")
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_whichever_byte_is_changed_it_is_refused_or_comes_back_unharmed(
    small_backup: Path, tmp_path: Path, kit: Any, mask: int
) -> None:
    read(small_backup, tmp_path / "right")
    right = kit.tree(tmp_path / "right")
    assert right["secrets.yaml"] == b"a: b\n"
    content = bytearray(small_backup.read_bytes())
    changed, harmless = tmp_path / "changed.zip", list[int]()
    for place in range(len(content)):
        content[place] ^= mask
        changed.write_bytes(content)
        content[place] ^= mask
        try:
            read(changed, tmp_path / str(place))
        except REFUSED:
            assert not [path for path in (tmp_path / str(place)).rglob("*") if path.is_file()]
        else:
            assert kit.tree(tmp_path / str(place)) == right
            harmless.append(place)
    # Dates, flags and the like of the ZIP format itself, of which nothing is used.
    for start, end in contents(small_backup):
        assert [place for place in harmless if start <= place < end] == []


@pytest.mark.parametrize("part", range(7))
def test_each_damaged_part_of_a_whole_installation_is_noticed_and_named(
    backup: Path, tmp_path: Path, part: int
) -> None:
    with zipfile.ZipFile(backup) as archive:
        names = [file["name"] for file in orjson.loads(archive.read("manifest.json"))["files"]]
    assert len(names) >= 7
    content = bytearray(backup.read_bytes())
    start, end = contents(backup)[part]
    content[(start + end) // 2] ^= 0x10
    backup.write_bytes(content)
    error = refused(backup, tmp_path / "again")
    assert isinstance(error, BackupDamaged)
    assert names[part] in error.message


@pytest.mark.parametrize("content", [b"", b"PK", b"\0" * 5000, b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "none.zip"
    path.write_bytes(content)
    assert refused(path, tmp_path / "again").code == "BACKUP_DAMAGED"


@given(st.binary(max_size=300))
def test_no_bytes_as_a_backup_do_more_than_be_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.zip"
    path.write_bytes(content)
    with pytest.raises(BackupDamaged), open_archive(path):
        pass


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["format", "version", "created", "entries", "key", "files", "name"])
                | st.text(max_size=5),
                inner,
                max_size=8,
            )
        ),
        max_leaves=30,
    )
)
def test_no_manifest_does_more_than_be_refused(value: Any) -> None:
    if isinstance(value, dict):
        value["format"] = 1
        value["version"] = "0.1.0"
    with pytest.raises(REFUSED):
        parse(orjson.dumps(value))


@given(st.binary(max_size=200))
def test_no_bytes_as_a_manifest_do_more_than_be_refused(text: bytes) -> None:
    with pytest.raises(REFUSED):
        parse(text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        restore_backup(tmp_path / "none.zip", ConfigDirectory(tmp_path / "a"), lambda: PASSPHRASE)
    with pytest.raises(StorageError):
        restore_backup(tmp_path, ConfigDirectory(tmp_path / "a"), lambda: PASSPHRASE)


# --- the passphrase ---------------------------------------------------------------------------


def test_another_passphrase_opens_nothing_and_the_right_one_still_does(
    backup: Path, tmp_path: Path
) -> None:
    for wrong in ("", PASSPHRASE.upper(), f"{PASSPHRASE} "):
        assert isinstance(refused(backup, tmp_path / "again", wrong), WrongPassphrase)
    restore_backup(backup, ConfigDirectory(tmp_path / "again"), lambda: PASSPHRASE)


def test_a_passphrase_counts_by_its_characters_not_by_how_they_are_typed(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    composed, decomposed = (unicodedata.normalize(form, "contraseña") for form in ("NFC", "NFD"))
    assert composed != decomposed
    made = create_backup(installation, composed, output=tmp_path / "one.zip")
    restore_backup(made.path, ConfigDirectory(tmp_path / "again"), lambda: decomposed)


def test_a_damaged_backup_is_refused_before_the_passphrase_is_asked_for(
    backup: Path, tmp_path: Path
) -> None:
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    backup.write_bytes(content)

    def never() -> str:
        raise AssertionError("asked")

    with pytest.raises(BackupDamaged):
        restore_backup(backup, ConfigDirectory(tmp_path / "again"), never)


@given(st.integers(0, 3 * CHUNK), st.data())
def test_chunks_cannot_be_cut_off_repeated_or_moved(size: int, data: st.DataObject) -> None:
    envelope = Envelope(b"k" * 32)
    plain = bytes(size)
    chunks = list(envelope.encrypted(io.BytesIO(plain), 1, "config/a"))
    whole = b"".join(chunks)
    assert len(whole) == encrypted_size(size)
    assert b"".join(envelope.decrypted(io.BytesIO(whole), 1, "config/a")) == plain
    other = data.draw(
        st.sampled_from(
            [
                (b"".join(chunks[:-1]), 1, "config/a"),
                (whole + chunks[-1], 1, "config/a"),
                (b"".join(reversed(chunks)) + whole[:1], 1, "config/a"),
                (whole, 2, "config/a"),
                (whole, 1, "config/b"),
            ]
        )
    )
    with pytest.raises(BackupDamaged):
        list(envelope.decrypted(io.BytesIO(other[0]), *other[1:]))


# --- somebody who knows the passphrase --------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "config/../../outside",
        "config/..",
        "config/a/../../../outside",
        "/etc/passwd",
        "config//etc/passwd",
        "config/./a",
        "config/a\\..\\..\\b",
        "config/a\0b",
        "config/a\nb",
        "config/.storage/ucv.db",
        "config/.git/hooks/x",
        "config/",
        "config",
        "storage/hub.lock",
        "storage/restore.json",
        "storage/../ucv.yaml",
        "storage/ucv.db/x",
        "elsewhere/a",
        "",
        "config/" + "x" * 256,
        "config/" + "x/" * 600,
    ],
)
def test_no_name_leads_out_of_the_place_for_it(forge: Forge, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"name|lead|belong"):
        check_name(name)
    before = sorted(tmp_path.rglob("*"))
    path = forge({name: b"evil"})
    assert isinstance(refused(path, tmp_path / "again"), BackupDamaged)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, path])


@pytest.mark.parametrize("names", [["config/a", "config/a/b"], ["config/a/b/c", "config/a/b"]])
def test_a_file_is_not_below_another(forge: Forge, tmp_path: Path, names: list[str]) -> None:
    error = refused(forge(dict.fromkeys(names, b"x")), tmp_path / "again")
    assert "below another file" in error.message


def test_the_same_file_is_not_in_it_twice(forge: Forge, tmp_path: Path) -> None:
    path = forge(
        {"config/a": b"1", "config/b": b"2"},
        manifest=lambda value: value["files"][1].update(name="config/a"),
    )
    assert "twice" in refused(path, tmp_path / "again").message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value: value["files"].pop(), "does not hold what its manifest names"),
        (lambda value: value["files"].append(value["files"][0] | {"name": "config/c"}), "names"),
        (lambda value: value["files"][0].update(size=5), "wrong size"),
        (lambda value: value["files"][0].update(size=-1), "size is out of range"),
        (lambda value: value["files"][0].update(size=2**60), "size is out of range"),
        (lambda value: value["files"][0].update(size=True), "size is out of range"),
        (lambda value: value["files"][0].update(mode=0o4755), "mode is out of range"),
        (lambda value: value["files"][0].update(sha256="0" * 64), "config/a was changed"),
        (lambda value: value["files"][0].update(sha256="x"), "checksum"),
        (lambda value: value["files"][0].update(name="config/z"), "config/z was changed"),
        (lambda value: value["key"].update(cost=2**40), "cost is out of range"),
        (lambda value: value["key"].update(salt="AAAA"), "key has the wrong length"),
        (lambda value: value["key"].update(salt="!"), "key is not readable"),
        (lambda value: value.update(key=None), "key is missing"),
        (lambda value: value.update(files=None), "list of files"),
        (lambda value: value.update(files=[{}] * 10_001), "list of files"),
        (lambda value: value.update(files=[1]), "list of files"),
        (lambda value: value.update(created=10**18), "created is out of range"),
        (lambda value: value.update(version=3), "version is unknown"),
        (lambda value: value.update(format=0), "version is unknown"),
    ],
)
def test_a_wrong_manifest_is_refused_with_what_is_wrong(
    forge: Forge, tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = forge({"config/a": b"1", "config/b": b"2"}, manifest=change)
    with pytest.raises(BackupDamaged) as error:
        restore_backup(path, ConfigDirectory(tmp_path / "again"), lambda: PASSPHRASE)
    assert said in error.value.message


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.update(entries=99),
        lambda value: value.update(created=1),
        lambda value: value["files"][0].update(mode=0o777),
    ],
)
def test_a_manifest_that_was_changed_is_noticed_although_it_could_be_true(
    forge: Forge, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    path = forge({"config/a": b"1"}, manifest=change, signed=False)
    assert "manifest was changed" in refused(path, tmp_path / "again").message
    restore_backup(
        forge({"config/a": b"1"}, manifest=change),
        ConfigDirectory(tmp_path / "b"),
        lambda: PASSPHRASE,
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda inside: inside.update({"../../evil": b"x"}),
        lambda inside: inside.pop("000001"),
        lambda inside: inside.pop("manifest.json"),
        lambda inside: inside.pop("manifest.sig"),
        lambda inside: inside.update({"000001": b""}),
        lambda inside: inside.update({"manifest.sig": b""}),
        lambda inside: inside.update({"manifest.json": b" " * (4 * 1024 * 1024 + 1)}),
    ],
)
def test_other_members_than_those_named_are_refused(
    forge: Forge, tmp_path: Path, change: Callable[[dict[str, bytes]], object]
) -> None:
    path = forge({"config/a": b"1"}, members=change)
    assert isinstance(refused(path, tmp_path / "again"), BackupDamaged)
    assert not (tmp_path.parent / "evil").exists()


def test_compressed_members_are_refused_for_they_may_hold_any_amount(
    forge: Forge, tmp_path: Path
) -> None:
    path = forge({"config/a": bytes(100_000)}, compression=zipfile.ZIP_DEFLATED)
    assert isinstance(refused(path, tmp_path / "again"), BackupDamaged)


def test_a_newer_backup_says_that_an_update_is_needed(forge: Forge, tmp_path: Path) -> None:
    path = forge(
        {"config/a": b"1"}, manifest=lambda value: value.update(format=2, version="9.1.0", key={})
    )
    error = refused(path, tmp_path / "again")
    assert isinstance(error, BackupTooNew)
    assert "UCV 9.1.0" in error.message


# --- what was whole, but is of no use ---------------------------------------------------------


def test_a_database_that_is_none_is_refused(forge: Forge, tmp_path: Path) -> None:
    directory = ConfigDirectory(tmp_path / "again")
    for content in (b"no database", b"", b"SQLite format 3\0" + bytes(5000)):
        with pytest.raises(BackupDamaged, match="in its database"):
            restore_backup(forge({"storage/ucv.db": content}), directory, lambda: PASSPHRASE)
        assert not directory.database.exists()
        assert list(directory.storage.glob("*restore*")) == []


def test_a_database_of_a_newer_version_is_refused(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(installation.database)) as own:
        own.execute("UPDATE alembic_version SET version_num = '9999'")
        own.commit()
    made = create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    directory = ConfigDirectory(tmp_path / "again")
    with pytest.raises(StorageError, match="newer version of UCV"):
        restore_backup(made.path, directory, lambda: PASSPHRASE)
    assert not directory.database.exists()
    assert not directory.yaml.exists()


def test_a_key_that_does_not_open_the_secrets_is_refused(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    installation.secret_key.write_bytes(Fernet.generate_key())
    made = create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    directory = ConfigDirectory(tmp_path / "again")
    with pytest.raises(BackupDamaged, match="key does not open its secrets"):
        restore_backup(made.path, directory, lambda: PASSPHRASE)
    assert not directory.database.exists()
