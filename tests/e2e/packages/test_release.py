"""A release is one command. If it fails, it says why, and the source tree is as it was."""

import gzip
import hashlib
import json
import pathlib
import tarfile

import jsonschema
import pytest

from harness import debian
from harness.releases import DATE, TIME, VERSION, Repository

# A release builds the packages, which takes longer than a test usually may.
pytestmark = pytest.mark.timeout(1200)

SPDX = json.loads(pathlib.Path(__file__).with_name("spdx.schema.json").read_text(encoding="utf-8"))


# ---- refusals


@pytest.fixture
def repository(tmp_path):
    debian.demand_tools()
    return Repository(tmp_path / "source")


def refused(repository, *arguments, **more):
    """What the release says, which changes nothing."""
    before = repository.state()
    done = repository.run("release", *arguments, **more)
    assert done.returncode != 0
    assert repository.state() == before
    assert "there is no release" in done.stderr
    assert "the source tree is as it was" in done.stderr
    return done.stderr


def test_the_version_is_three_numbers(repository):
    for wrong in ("1.0", "1.0.0-rc1", "v1.0.0", "01.0.0", "1.0.0.0"):
        assert f"the version is {wrong}; expected three numbers" in refused(repository, wrong)


def test_the_version_is_higher_than_the_last(repository):
    """Numbers are compared as numbers."""
    for tag in ("v0.9.0", "v0.10.0", "not-a-version"):
        repository.git("tag", tag)
    for wrong in ("0.9.5", "0.10.0"):
        found = refused(repository, wrong)
        assert f"the version is {wrong}; expected one higher than the last" in found
        assert "which is 0.10.0" in found


def test_the_tree_must_be_clean(repository):
    (repository.folder / "more.c").write_text("int more;\n")
    assert "the source tree is not clean" in refused(repository, VERSION)
    assert "more.c" in refused(repository, VERSION)


def test_something_is_unreleased(repository):
    path = repository.folder / "CHANGELOG.md"
    path.write_text(path.read_text().replace("(unreleased)", "(2026-01-01)"))
    repository.commit("nothing is unreleased")
    assert '(2026-01-01)"; expected' in refused(repository, VERSION)


def test_the_output_is_empty(repository, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    assert "is not empty" in refused(repository, "--output", tmp_path / "out", VERSION)


def test_a_build_that_fails(repository, tmp_path):
    """Nothing is delivered, committed or tagged, and the error of the build is shown."""
    path = repository.folder / "CMakeLists.txt"
    path.write_text(path.read_text() + 'message(FATAL_ERROR "Broken on purpose")\n')
    repository.commit("a broken build")
    found = refused(repository, "--commit", "--output", tmp_path / "out", VERSION)
    assert "Broken on purpose" in found
    assert "conf/package failed" in found
    assert not (tmp_path / "out").exists()


# ---- a release


def test_the_commit(release):
    """It changes two lines, and has the tag and the time of the release."""
    assert release.git("log", "-1", "--format=%s|%an|%ct").decode().strip() == (
        f"release: Spore {VERSION}|Tester|{TIME}"
    )
    assert release.git("status", "--porcelain") == b""
    assert release.git("symbolic-ref", "--short", "HEAD").decode().strip() == "main"
    assert release.git("rev-parse", f"v{VERSION}^{{commit}}") == release.git("rev-parse", "HEAD")
    changes = release.git("diff", "--unified=0", "HEAD~").decode().splitlines()
    added = [line for line in changes if line.startswith("+") and not line.startswith("+++")]
    assert added[0] == f"+## {VERSION} ({DATE})"
    assert added[1].startswith(f"+project(spore VERSION {VERSION} ")
    assert len(added) == 2


def test_the_source_archive(release):
    """It has the tagged files, and anybody can make it again."""
    path = release.made / f"spore-{VERSION}.tar.gz"
    again = release.git("archive", "--format=tar", f"--prefix=spore-{VERSION}/", f"v{VERSION}")
    assert gzip.decompress(path.read_bytes()) == again
    assert path.read_bytes()[4:8] == bytes(4), "the archive has a time of its own"
    with tarfile.open(path) as archive:
        assert f"spore-{VERSION}/CMakeLists.txt" in archive.getnames()


def test_the_packages(release):
    found = {debian.fields(each)["Version"] for each in release.made.glob("*.deb")}
    assert found == {f"{VERSION}-0spore1"}


def sums(release):
    lines = (release.made / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def test_the_sums(release):
    """They cover every file."""
    files = {each.name: each for each in release.made.iterdir() if each.name != "SHA256SUMS"}
    assert sums(release) == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }


# ---- the list of what it contains


@pytest.fixture
def listed(release):
    path = release.made / f"spore-{VERSION}.spdx.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_list_is_valid(listed):
    """By a schema of what SPDX 2.3 demands; and every reference leads to an element."""
    jsonschema.validate(listed, SPDX)
    names = [each["SPDXID"] for each in listed["packages"]]
    assert len(names) == len(set(names))
    known = {*names, "SPDXRef-DOCUMENT"}
    for each in listed["relationships"]:
        assert {each["spdxElementId"], each["relatedSpdxElement"]} <= known


def test_the_list_is_complete(release, listed):
    """It has each file that is delivered, by its digest, and what is in the image."""
    digests = {
        each["packageFileName"]: each["checksums"][0]["checksumValue"]
        for each in listed["packages"]
        if "packageFileName" in each
    }
    expected = sums(release)
    del expected[f"spore-{VERSION}.spdx.json"]
    assert digests == expected
    by_id = {each["SPDXID"]: each["name"] for each in listed["packages"]}
    inside = {
        by_id[each["relatedSpdxElement"]]
        for each in listed["relationships"]
        if each["relationshipType"] == "CONTAINS"
    }
    assert {"spore", "libc6", "libssl3", "libev4", "libcjson1"} <= inside
    assert listed["creationInfo"]["created"].startswith(DATE)


def test_the_list_is_the_same_again(release, tmp_path):
    for each in release.made.iterdir():
        if each.suffix in (".deb", ".tar", ".gz"):
            (tmp_path / each.name).symlink_to(each)
    repository = Repository(tmp_path / "source")
    done = repository.run("sbom", "--version", VERSION, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (release.made / f"spore-{VERSION}.spdx.json").read_text(encoding="utf-8")
