"""The words of %package= lines and of requirements files: what pip takes, as far as wheels go."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.packages.wanted import Wanted
from ciao.s2i.packages.words import read
from fakes.wheels import source, wheel


def texts(wanted: Wanted) -> list[str]:
    return [r.line for r in wanted.requirements]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("torchmetrics==1.4.0 einops", ["einops", "torchmetrics==1.4.0"]),
        ("'pandas>=2,<3'", ["pandas<3,>=2"]),
        ("numpy >= 2", ["numpy>=2"]),
        ("numpy>= 2 einops", ["einops", "numpy>=2"]),
        ("Foo_Bar.baz", ["foo-bar-baz"]),
        ("'jax[cuda12, k8s]==0.4'", ["jax[cuda12,k8s]==0.4"]),
        ("\"tomli; python_version < '3.11'\"", ["tomli ; python_version < '3.11'"]),
        ("einops einops", ["einops"]),
        ("--index-url https://host.example/?a= einops", ["einops"]),
        ("--pre einops > 1", ["einops>1"]),
        ("einops==0.8 --hash=sha256:" + "a" * 64, ["einops==0.8 --hash=sha256:" + "a" * 64]),
        ("https://host.example/x-1.0-py3-none-any.whl", ["https://host.example/x-1.0-py3-none-any.whl"]),
        ("'x @ https://host.example/x-1.0-py3-none-any.whl'", ["x @ https://host.example/x-1.0-py3-none-any.whl"]),
    ],
)
def test_a_line_is_read_as_pip_reads_it(line: str, found: list[str], tmp_path: Path) -> None:
    assert texts(read([line], tmp_path)) == found


@pytest.mark.parametrize(
    "line",
    [
        "torch, vision",
        "torch,vision",
        "torch ,vision",
        "torch , vision",
        "'torch vision'",
        "'torch[cuda], vision'",
        "torch==2.1, vision",
        "torch>=2,vision<3",
        "'torch>=2 vision'",
        "torch==vision",
        "torch; vision",
        "'torch (vision)'",
    ],
)
def test_two_names_are_never_glued_into_a_third(line: str, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(f"einops\n{line}\n")
    for words, place in ((line, "%package: "), ("-r r.txt", "r.txt, line 2: "), ("-c r.txt", "r.txt, line 2: ")):
        with pytest.raises(BundleError) as refused:
            read([words], tmp_path)
        assert refused.value.message.startswith(place)


def test_a_comma_between_packages_is_told_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as refused:
        read(["torch, vision>=1"], tmp_path)
    assert refused.value.message.startswith("%package: torch, vision>=1 is more than one package")
    assert "%package=torch vision>=1," in refused.value.hint


def test_names_of_a_marked_line_in_a_file_are_not_glued(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("torch vision ; python_version > '3'\n")
    with pytest.raises(BundleError, match=r"r.txt, line 1: .* more than one package"):
        read(["-r r.txt"], tmp_path)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("pandas>=2,<3", "pandas<3,>=2"),
        ("pandas >= 2, < 3", "pandas<3,>=2"),
        ("pandas >=2 ,<3", "pandas<3,>=2"),
        ("'pandas (>=2, <3)'", "pandas<3,>=2"),
        ("pandas==2.*", "pandas==2.*"),
        ("pandas===2.0+odd~1", "pandas===2.0+odd~1"),
        ("pandas==v1!2.0.post1.dev3+cu118", "pandas==v1!2.0.post1.dev3+cu118"),
        ("pandas>=2,", "pandas>=2"),
    ],
)
def test_a_comma_between_versions_stays(line: str, found: str, tmp_path: Path) -> None:
    assert texts(read([line], tmp_path)) == [found]


@pytest.mark.parametrize(
    ("line", "words", "hint"),
    [
        ("einops=0.8", "einops=0.8 has one = where two belong", "Did you mean einops==0.8?"),
        ("'einops[x] = 0.8'", "has one = where two belong", "Did you mean einops[x]==0.8?"),
        ("einops==", "einops== ends where a version belongs", "pandas>=2"),
        ("conda-forge::einops", "names a channel of conda", "Write einops alone"),
        ("einops=>0.8", "'=>0.8' behind einops is not a version", "pandas>=2"),
    ],
)
def test_a_version_that_is_none_is_told_with_its_place(line: str, words: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(f"\n{line}\n")
    for asked, place in ((line, "%package: "), ("-r r.txt", "r.txt, line 2: "), ("-c r.txt", "r.txt, line 2: ")):
        with pytest.raises(BundleError) as refused:
            read([asked], tmp_path)
        assert refused.value.message.startswith(place)
        assert words in refused.value.message
        assert hint in refused.value.hint


def test_a_list_of_packages_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "dev.in").write_text("einops\n")
    for name in ("requirements.txt", "dev.in"):
        with pytest.raises(BundleError, match=f"{name} is the name of a file") as refused:
            read([name], tmp_path)
        assert refused.value.hint == f"Did you mean -r {name}?"
    assert texts(read(["-r dev.in", "discord.py other.in"], tmp_path)) == ["discord-py", "einops", "other-in"]


@pytest.mark.parametrize("option", ["--upgrade", "-U", "--no-deps", "-q", "--user", "--target=x"])
def test_options_of_pip_that_say_nothing_here_are_told_as_such(option: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"%package: -\S+ has no meaning") as refused:
        read([f"{option} einops"], tmp_path)
    assert refused.value.hint
    assert "Did you mean" not in refused.value.hint


def test_the_password_of_a_list_elsewhere_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as refused:
        read(["https://me:secret@host.example/requirements.txt"], tmp_path)
    assert "secret" not in str(refused.value)


def test_the_order_of_lines_and_words_does_not_count(tmp_path: Path) -> None:
    assert read(["a b", "c"], tmp_path) == read(["c", "b a"], tmp_path)


def test_indexes_keep_their_order(tmp_path: Path) -> None:
    wanted = read(["--index-url https://one.example/simple/ --extra-index-url=https://two.example x"], tmp_path)
    assert wanted.index is not None
    assert (wanted.index.url, [e.url for e in wanted.extra]) == ("https://one.example/simple", ["https://two.example"])


def test_a_requirements_file_has_comments_continued_lines_markers_and_files_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("einops  # of tensors\n-c limits.txt\n")
    (tmp_path / "more" / "limits.txt").write_text("numpy<2\n")
    (tmp_path / "requirements.txt").write_text(
        "\ufeff# what we need\n"
        "pandas>=2 \\\n    --hash=sha256:" + "b" * 64 + "\n"
        "tomli>=1 ; python_version < '3.11' and sys_platform == \"linux\"\n"
        "-r more/base.txt\n"
        "--find-links more\n"
    )
    wanted = read(["-r requirements.txt"], tmp_path)
    assert texts(wanted) == [
        "einops",
        "pandas>=2 --hash=sha256:" + "b" * 64,
        "tomli>=1 ; python_version < '3.11' and sys_platform == \"linux\"",
    ]
    assert (wanted.constraints, wanted.links) == (("numpy<2",), (tmp_path / "more",))


def test_files_that_name_each_other_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    (tmp_path / "b.txt").write_text("-r a.txt\n")
    with pytest.raises(BundleError, match="named by itself"):
        read(["-r a.txt"], tmp_path)


def test_a_wheel_of_this_machine_lies_below_the_notebooks_folder(tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist", "tiny")
    for line in (f"./dist/{path.name}", f"dist/{path.name}", f"'tiny @ {path.as_uri()}'", str(path)):
        assert [w.path for w in read([line], tmp_path).wheels] == [path]
    assert read([f"'./dist/{path.name}[fast]'"], tmp_path).wheels[0].extras == "[fast]"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-e .", "--editable|-e . needs a build"),
        ("./dist/x-1.0.tar.gz", "is a source distribution"),
        ("./dist", "is a folder"),
        ("git+https://host.example/x.git", "is source code"),
        ("'x @ git+https://host.example/x.git'", "is source code"),
        ("https://host.example/x.zip", "is not a wheel"),
        ("--no-binary :all: x", "needs a build"),
    ],
)
def test_what_would_have_to_be_built_is_refused_with_a_way_out(line: str, words: str, tmp_path: Path) -> None:
    source(tmp_path / "dist", "x")
    with pytest.raises(BundleError, match=words) as refused:
        read([line], tmp_path)
    assert "python -m build --wheel" in refused.value.hint


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("'einops", "cannot be read"),
        ("-r missing.txt", "missing.txt cannot be read: No such file"),
        ("./missing-1.0-py3-none-any.whl", "there is no file"),
        ("./x.whl", "is not named as wheels are"),
        ("--index-url ftp://host.example/", "is not the URL of an index"),
        ("--index-url", "needs a value"),
        ("--find-links nowhere", "there is no folder"),
        ("--upgrad", "is not an option of packages"),
        ("ftp://host.example/x.whl", "is not a requirement"),
        ("'!'", "is not a requirement"),
        ("--hash=sha256:00", "belongs behind a requirement"),
    ],
)
def test_what_cannot_be_read_says_why(line: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"")
    with pytest.raises(BundleError, match=words):
        read([line], tmp_path)


def test_an_option_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Did you mean --index-url"):
        read(["--index-ulr https://host.example/ x"], tmp_path)


def test_the_place_in_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("einops\n\n-e .\n")
    with pytest.raises(BundleError, match=r"requirements.txt, line 3"):
        read(["-r requirements.txt"], tmp_path)


def test_a_variable_stands_for_a_credential(tmp_path: Path) -> None:
    password = secrets.token_urlsafe()
    line = "--index-url https://me:${TOKEN}@host.example/simple x"
    wanted = read([line], tmp_path, environ={"TOKEN": password})
    assert wanted.index is not None
    assert password in wanted.index.secret
    with pytest.raises(BundleError, match="TOKEN is not set"):
        read([line], tmp_path, environ={})


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://me:{}@host.example/simple --upgrade",
        "--index-url 'https://me:{}@host.example/simple",
        "-e git+https://me:{}@host.example/x.git",
        "https://me:{}@host.example/x-1.0-py3-none-any.whl",
        "https://me:{}@host.example/x.tar.gz",
        "https://host.example/x.tar.gz?token={}",
        "'x @ git+https://{}@host.example/x.git'",
        "--find-links https://me:{}@host.example/ !",
        "--index-url ftp://me:{}@host.example/",
        "--index-url=https://me:{}@/ x",
        "--index-urk=https://me:{}@host.example/ x",
    ],
)
def test_no_credential_is_in_an_error_or_a_picture_of_a_value(line: str, tmp_path: Path) -> None:
    password = secrets.token_urlsafe()
    with pytest.raises(BundleError) as refused:
        read([line.format(password)], tmp_path)
    assert password not in f"{refused.value!s}{refused.value!r}{refused.value.__cause__!r}{refused.value.__context__!r}"


def test_no_credential_is_in_the_picture_of_what_is_wanted(tmp_path: Path) -> None:
    password = secrets.token_urlsafe()
    line = f"--index-url https://me:{password}@a.example/ --extra-index-url https://{password}@b.example/ x"
    assert password not in repr(read([line], tmp_path))
