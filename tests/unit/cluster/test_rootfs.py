"""Image file systems: layers over layers, copies in, and nothing that leads out."""

import io
import tarfile

import pytest

from kubern.cluster.images.archive import Entry, layer, pack, write
from kubern.cluster.images.rootfs import Image


def image(tmp_path, *layers):
    archive = tmp_path / "a.tar"
    write(archive, {"localhost/x:1": ({"Cmd": ["x"]}, layers)})
    root = tmp_path / "root"
    root.mkdir()
    made = Image(root)
    assert made.unpack(archive, "localhost/x:1")
    return made


def test_layers_lie_over_each_other_and_deletions_count(tmp_path):
    first = layer({"etc": Entry(), "etc/a": Entry(b"1"), "etc/b": Entry(b"1"), "gone": Entry(), "gone/x": Entry(b"1")})
    second = layer({"etc/a": Entry(b"2"), "etc/.wh.b": Entry(b""), ".wh.gone": Entry(b"")})
    made = image(tmp_path, first, second)
    assert (made.root / "etc/a").read_bytes() == b"2"
    assert sorted(p.name for p in made.root.rglob("*")) == ["a", "etc"]
    assert made.config == {"Cmd": ["x"]}


def test_packed_and_unpacked_it_is_the_same_and_so_is_its_digest(tmp_path):
    made = image(tmp_path, layer({"bin": Entry(), "bin/sh": Entry(b"#!", 0o755), "link": Entry(link="/bin/sh")}))
    assert made.pack().digest == made.pack().digest
    (tmp_path / "again").mkdir()
    again = image(tmp_path / "again", made.pack())
    assert (again.root / "link").readlink().as_posix() == "/bin/sh"
    assert (again.root / "bin/sh").stat().st_mode & 0o777 == 0o755


def evil(*members):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return pack(raw.getvalue())


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info, b""


@pytest.mark.parametrize(
    "members",
    [
        [(tarfile.TarInfo("../../escaped"), b"x")],
        [link("out", "../.."), (tarfile.TarInfo("out/escaped"), b"x")],
        [link("abs", "/"), (tarfile.TarInfo("abs/escaped"), b"x")],
    ],
    ids=["dots", "relative link", "absolute link"],
)
def test_no_layer_writes_outside(tmp_path, members):
    made = image(tmp_path, evil(*members))
    assert (made.root / "escaped").read_bytes() == b"x"
    assert not list(tmp_path.glob("escaped"))


def test_a_loop_of_links_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="too many symbolic links"):
        image(tmp_path, evil(link("a", "b"), link("b", "a"), (tarfile.TarInfo("a/x"), b"")))


def test_copies_go_where_copy_puts_them(tmp_path):
    made = Image(tmp_path / "root")
    (tmp_path / "root/dir").mkdir(parents=True)
    (tmp_path / "src/sub").mkdir(parents=True)
    (tmp_path / "src/f").write_text("f")
    (tmp_path / "src/sub/g").write_text("g")
    made.copy([tmp_path / "src/f"], "named", "/w")
    made.copy([tmp_path / "src/f"], "/dir", "/")
    made.copy([tmp_path / "src"], "/all/", "/")
    found = sorted(str(p.relative_to(made.root)) for p in made.root.rglob("*") if p.is_file())
    assert found == ["all/f", "all/sub/g", "dir/f", "w/named"]
