"""What is left out of a folder: as git has it, with .ciaoignore on top, and without what nobody means to send."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError

Tree = Callable[..., Path]
Include = Callable[..., Any]


def names(found: Any) -> list[str]:
    return [entry.path.removeprefix("files/") for entry in found.entries]


def test_histories_caches_and_environments_are_never_meant(tree: Tree, included: Include) -> None:
    junk = [".git/config", "__pycache__/x.cpython-311.pyc", "x.pyc", ".ipynb_checkpoints/a.ipynb", ".venv/bin/python"]
    junk += ["node_modules/m/i.js", ".DS_Store", "my env/pyvenv.cfg", "my env/lib/x.py", ".a.py.swp", ".#a.py", "a.py~"]
    tree({f"src/{name}": "" for name in [*junk, "a.py", "environment/x.py", ".hidden", "my.git/x"]})
    found = included("src")
    assert names(found) == ["src/.hidden", "src/a.py", "src/environment/x.py", "src/my.git/x"]
    assert not found.notices


def test_notebooks_go_along_only_if_they_are_named(tree: Tree, included: Include) -> None:
    tree({"n.ipynb": "{}", "src/other.ipynb": "{}", "src/a.py": "", "keep/.ciaoignore": "!*.ipynb", "keep/k.ipynb": ""})
    assert names(included(".", "n.ipynb")) == ["keep/k.ipynb", "n.ipynb", "src/a.py"]
    with pytest.raises(BundleError, match=r"it leaves out what is hardly ever meant: n\.ipynb\. Name a file in full"):
        included("*.ipynb")


def test_a_home_folder_does_not_send_jobs_caches_and_logins(tree: Tree, included: Include) -> None:
    tree(dict.fromkeys([".ciao/config.yaml", ".cache/huggingface/token", ".config/gh/hosts.yml", "a.py"], ""))
    found = included(".")
    assert names(found) == ["a.py"]
    assert [notice.text for notice in found.notices] == ["%include=. leaves out what looks like credentials: .config"]


def test_credentials_are_left_out_and_told(tree: Tree, included: Include) -> None:
    key = "-----BEGIN PRIVATE KEY-----\n"
    secret = [
        ".env",
        ".env.prod",
        "id_rsa",
        "conf/kubeconfig",
        "conf/.aws/credentials",
        ".netrc",
        "ID_RSA",
        "prod.env",
        "tls.key",
        "a.kubeconfig",
    ]
    fine = [".env.example", "id_rsa.pub", "keys.py", "ca.pem"]
    tree({f"src/{name}": "" for name in [*secret, *fine]} | {"src/tls.pem": key})
    found = included("src")
    assert names(found) == sorted(f"src/{name}" for name in fine)
    (notice,) = found.notices
    assert notice.level == "warning"
    assert "leaves out what looks like credentials: src/.env, src/.env.prod, src/.netrc and 8 more" in notice.text


def test_what_was_named_itself_is_sent_all_the_same(tree: Tree, included: Include) -> None:
    tree({".gitignore": "*.csv\nbuild/\n", ".env": "", "a.csv": "", "build/x.txt": "", "build/deep/y.csv": ""})
    found = included("a.csv", "build", ".env")
    assert names(found) == [".env", "a.csv", "build/deep/y.csv", "build/x.txt"]
    assert [path.name for path in found.credentials] == [".env"]


RULES = {
    ".gitignore": "*.log\n/build/\n!keep.log\ndata/**/raw\n\\#odd\n# a comment\n\ntrailing  \nsub/only\n",
    "sub/.gitignore": "!b.log\n*.tmp\n/top\n",
    "sub/deep/.gitignore": "!x.tmp\ntop\n",
    "odd/.gitignore": "*\n!*.py\n!*/\n",
    "papers/.gitignore": "raw/**\n!raw/**/\n!raw/**/*.md\nold/**\n",
}
FILES = [
    "a.log", "keep.log", "b.log", "build/x", "src/build/x", "data/raw", "data/a/raw", "data/a/b/raw/x", "#odd",
    "trailing", "sub/a.log", "sub/b.log", "sub/x.tmp", "sub/top", "sub/deep/top", "sub/deep/x.tmp", "sub/deep/y.tmp",
    "sub/only",
    "papers/raw/a/b/x.md", "papers/raw/a/b/x.txt", "papers/raw/y.md", "papers/old/a/z",
    "other/sub/only", "odd/x.py", "odd/x.txt", "odd/d/y.py", "odd/d/y.txt",
]  # fmt: skip


def test_nested_rules_mean_exactly_what_they_mean_to_git(tree: Tree, included: Include) -> None:
    root = tree(RULES | dict.fromkeys(FILES, ""))
    git = ["git", "-c", "core.excludesFile=/dev/null", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True
    ).stdout.split("\n")
    expected = sorted(name for name in listed if name and not name.endswith(".gitignore"))
    assert names(included(".")) == expected
    assert 5 < len(expected) < len(FILES)


def test_rules_from_the_top_of_the_repository_hold_for_a_folder_in_it(tree: Tree, included: Include) -> None:
    tree(
        {
            ".git/HEAD": "",
            ".gitignore": "*.log\n",
            "a/.gitignore": "*.tmp\n",
            "a/b/x.log": "",
            "a/b/x.tmp": "",
            "a/b/x": "",
        }
    )
    assert names(included("a/b")) == ["a/b/x"]


def test_without_a_repository_rules_from_the_notebooks_folder_hold(tree: Tree, included: Include) -> None:
    tree({".gitignore": "*.log\n", ".ciaoignore": "a/b/big\n", "a/b/x.log": "", "a/b/big": "", "a/b/x": ""})
    assert names(included("a/b")) == ["a/b/x"]
    assert names(included("a/b/*")) == ["a/b/x"]


def test_rules_above_the_repository_do_not(tree: Tree, included: Include) -> None:
    tree({".gitignore": "*.log\n", "a/.git/HEAD": "", "a/x.log": ""})
    assert names(included("a")) == ["a/x.log"]


def test_what_rules_leave_out_is_told_by_their_file(tree: Tree, included: Include) -> None:
    tree({"src/.gitignore": "runs/\n*.log\n", "src/.ciaoignore": "big\n", "src/a.py": ""})
    tree(dict.fromkeys(["src/runs/1", "src/runs/2", "src/x.log", "src/big"], ""))
    assert [notice.text for notice in included("src").notices] == [
        "%include=src leaves out as .ciaoignore says: src/big",
        "%include=src leaves out as .gitignore says: src/runs/, src/x.log",
    ]


def test_a_ciaoignore_beats_a_gitignore_and_the_list_of_ours(tree: Tree, included: Include) -> None:
    tree({"src/.gitignore": "data/\n*.bin\n", "src/.ciaoignore": "!data/\nnotes.txt\n!.env\n"})
    tree(dict.fromkeys(["src/data/x.csv", "src/data/y.bin", "src/notes.txt", "src/.env", "src/a.py"], ""))
    assert names(included("src")) == ["src/.env", "src/a.py", "src/data/x.csv"]


def test_a_nested_ciaoignore_beats_the_one_above(tree: Tree, included: Include) -> None:
    tree({"src/.ciaoignore": "*.csv\n", "src/deep/.ciaoignore": "!keep.csv\n"})
    tree(dict.fromkeys(["src/keep.csv", "src/deep/keep.csv", "src/deep/x.csv", "src/a.py"], ""))
    assert names(included("src")) == ["src/a.py", "src/deep/keep.csv"]


def test_lines_that_say_nothing_are_passed_over(tree: Tree, included: Include) -> None:
    tree({"src/.gitignore": b"\xef\xbb\xbf*.log\r\n!\n\xff\xfe\n[\n/\n", "src/x.log": "", "src/a.py": ""})
    assert names(included("src")) == ["src/a.py"]


def test_a_folder_of_which_nothing_is_left_says_why(tree: Tree, included: Include) -> None:
    tree({"src/.ciaoignore": "*.py\n", "src/a.py": "", "src/.env": ""})
    with pytest.raises(BundleError) as caught:
        included("src")
    assert (
        "%include=src has nothing to send; it leaves out what looks like credentials: src/.env; as .ciaoignore says"
        in (str(caught.value))
    )
    assert caught.value.hint == "Name a file in full to send it all the same"


@pytest.mark.parametrize("rule", ["data/", "data/*", "data/**", "*", "*.csv"])
def test_a_folder_of_which_git_takes_nothing_is_sent_if_it_was_named(tree: Tree, included: Include, rule: str) -> None:
    tree({".git/HEAD": "", ".gitignore": f"{rule}\n", "data/x.csv": "", "data/deep/y.csv": "", "data/.env": ""})
    found = included("data")
    assert names(found) == ["data/deep/y.csv", "data/x.csv"]
    assert [n.text for n in found.notices] == ["%include=data leaves out what looks like credentials: data/.env"]


def test_what_a_pattern_matches_follows_the_rules(tree: Tree, included: Include) -> None:
    tree({".gitignore": "runs/\nb.csv\n", "a.csv": "", "b.csv": "", "runs/c.csv": "", "__pycache__/d.csv": ""})
    found = included("**/*.csv")
    assert names(found) == ["a.csv"]
    assert [notice.text for notice in found.notices] == ["%include=**/*.csv leaves out as .gitignore says: b.csv"]
