"""What the user set outside of cells: precedence, every error, and the first Ciao's own file."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from ciao.errors import SettingsError
from ciao.model import Resources
from ciao.settings import SETTINGS, Given, Settings, load, survey

THE_FIRST_CIAOS = """\
kubeconfig: /var/run/kubernetes/admin.kubeconfig
namespace: test
s2i:
  provider: img
  registry: registry.example/team
  username: <input-your-username>
  password: <input-your-pwd>
worker:
  cpu: 1
  memory: 1Gi
ps:
  cpu: 0.50
  memory: 512Mi
master:
  cpu: 500m
  memory: 2Gi
"""


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return tmp_path / "etc.yaml"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def read(home: Path, system: Path, text: str = "", **variables: str) -> Settings:
    if text:
        (home / "config.yaml").write_text(text)
    return load({"CIAO_HOME": str(home)} | variables, system=system)


def refusal(home: Path, system: Path, text: str = "", **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(home, system, text, **variables)
    return str(caught.value).replace(str(home), "~")


def test_without_files_and_variables_there_are_the_defaults(home: Path, system: Path) -> None:
    assert read(home, system) == Settings(home=home)


def test_a_users_file_wins_over_the_systems_and_a_variable_over_both(home: Path, system: Path) -> None:
    system.write_text("grace: 1\npython: /etc/python\nlocal: {replicas: 3}")
    settings = read(home, system, "grace: 2\npython: /home/python", CIAO_PYTHON="/env/python")
    assert (settings.local_replicas, settings.grace, settings.python) == (3, 2.0, "/env/python")
    assert settings.given["local.replicas"] == Given("3", str(system))
    assert settings.given["grace"] == Given("2", str(home / "config.yaml"))
    assert settings.given["python"] == Given("/env/python", "CIAO_PYTHON")


def test_the_file_of_the_first_ciao_is_read_as_it_is(home: Path, system: Path) -> None:
    settings = read(home, system, THE_FIRST_CIAOS)
    assert settings.kubeconfig == Path("/var/run/kubernetes/admin.kubeconfig")
    assert (settings.namespace, settings.s2i_provider, settings.s2i_registry) == (
        "test",
        "img",
        "registry.example/team",
    )
    assert (settings.s2i_username, settings.s2i_password) == ("<input-your-username>", "<input-your-pwd>")
    assert settings.resources == {
        "worker": Resources(cpu="1", memory="1Gi"),
        "ps": Resources(cpu="0.50", memory="512Mi"),
        "master": Resources(cpu="500m", memory="2Gi"),
    }


def test_keys_may_be_written_in_capitals_as_the_first_ciao_allowed(home: Path, system: Path) -> None:
    assert read(home, system, "kubeConfig: /k\nS2I: {Username: me}").s2i_username == "me"


def test_a_password_stays_the_text_that_was_written_and_is_never_shown(home: Path, system: Path) -> None:
    settings = read(home, system, "s2i: {password: 0123}")
    assert settings.s2i_password == "0123"
    assert "0123" not in repr(settings)
    assert "0123" not in repr(settings.given)


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        ("https://registry.example/team/", "registry.example/team"),
        ("localhost:5000", "localhost:5000"),
        ("localhost", "localhost"),
        ("registry:5000/a/b_c", "registry:5000/a/b_c"),
        ("[::1]:5000/team", "[::1]:5000/team"),
        ("docker.io/team", "docker.io/team"),
    ],
)
def test_a_registry_is_a_host_and_a_path(home: Path, system: Path, text: str, registry: str) -> None:
    assert read(home, system, CIAO_S2I_REGISTRY=text).s2i_registry == registry


def test_several_words_are_a_list_or_have_commas_between_them(home: Path, system: Path) -> None:
    settings = read(
        home,
        system,
        "s2i: {pullSecrets: [hub, mirror.a], insecure: localhost:5000}",
        CIAO_S2I_PLATFORMS="linux/amd64,linux/arm64/v8",
    )
    assert settings.s2i_pull_secrets == ("hub", "mirror.a")
    assert settings.s2i_insecure == ("localhost:5000",)
    assert settings.s2i_platforms == ("linux/amd64", "linux/arm64/v8")


def test_images_that_build_are_kept_by_strategy_apart_from_those_of_frameworks(home: Path, system: Path) -> None:
    settings = read(
        home,
        system,
        "images: {jax: a:1}\ns2i: {images: {cluster-kaniko: b:1}}",
        CIAO_S2I_IMAGES_CLUSTER_BUILDKIT="c:1",
    )
    assert settings.images == {"jax": "a:1"}
    assert settings.s2i_images == {"cluster-kaniko": "b:1", "cluster-buildkit": "c:1"}


def test_the_user_in_an_address_is_used_and_never_shown(home: Path, system: Path) -> None:
    secret = secrets.token_urlsafe()
    one, two = (f"https://me:{secret}@{host}.example/simple" for host in ("a", "b"))
    settings = read(home, system, f"packages: {{index: '{one}', extra: ['{one}', '{two}']}}")
    assert (settings.packages_index, settings.packages_extra) == (one, (one, two))
    assert settings.given["packages.extra"].text == "https://***@a.example/simple, https://***@b.example/simple"
    assert secret not in f"{settings!r} {settings.given!r}"


@pytest.mark.parametrize("key", ["packages: {index: '%s'}", "packages: {extra: '%s'}", "s2i: {registry: '%s'}"])
@pytest.mark.parametrize(
    "address",
    ["ftp://me:%s@a", "me:%s@a", "https://me:a,%s@a b/c", "https://me:%s@a, b", "https://a, https://me:%s@b c"],
)
def test_no_mistake_in_an_address_shows_the_user_in_it(home: Path, system: Path, key: str, address: str) -> None:
    secret = secrets.token_urlsafe()
    assert secret not in refusal(home, system, key % (address % secret))


def test_sizes_days_and_paths_become_bytes_seconds_and_full_paths(home: Path, system: Path) -> None:
    settings = read(home, system, "keep: {days: 0.5, bytes: 1.5Gi}\nkubeconfig: k")
    assert (settings.keep_for, settings.keep_bytes) == (43200.0, 3 * 2**29)
    assert settings.kubeconfig == Path.cwd() / "k"


@pytest.mark.parametrize("text", ["", "# nothing\n", "grace:\ns2i:\n", "\ufeffbackend: local", "---\n"])
def test_what_holds_no_value_sets_nothing(home: Path, system: Path, text: str) -> None:
    assert read(home, system, text, CIAO_GRACE="").grace == 5.0


REFUSED = [
    ("backed: local", "~/config.yaml: unknown setting 'backed'. Did you mean backend?"),
    ("s2i: {regstry: x}", "~/config.yaml: unknown setting 's2i.regstry'. Did you mean s2i.registry?"),
    ("zzz: 1", "~/config.yaml: unknown setting 'zzz'. `%ciao config` lists all settings"),
    (
        "s2i: img",
        (
            "~/config.yaml: s2i must be a section. Write below it: provider, registry, username, password, pull, "
            "pullSecrets, insecure, ca, platforms, scan, images"
        ),
    ),
    ("grace: {a: 1}", "~/config.yaml: grace is a section, but must be one value"),
    ("grace: [1]", "~/config.yaml: grace is a list, but must be one value"),
    ("home: /x", "~/config.yaml: home cannot be set in a file. Set the variable CIAO_HOME"),
    ("grace: soon", "~/config.yaml: grace is 'soon', but must be a number of seconds, 0 or more"),
    ("grace: nan", "~/config.yaml: grace is 'nan', but must be a number of seconds, 0 or more"),
    ("grace: inf", "~/config.yaml: grace is 'inf', but must be a number of seconds, 0 or more"),
    ("grace: .inf", "~/config.yaml: grace is '.inf', but must be a number of seconds, 0 or more"),
    ("keep: {days: -1}", "~/config.yaml: keep.days is '-1', but must be a number of days, 0 or more"),
    ("keep: {bytes: 2Gb}", "~/config.yaml: keep.bytes is '2Gb', but must be a size such as 500Mi or 2Gi"),
    ("local: {replicas: 0}", "~/config.yaml: local.replicas is '0', but must be a whole number, 1 or more"),
    ("backend: locla", "~/config.yaml: backend is 'locla', but must be kubeflow or local. Did you mean local?"),
    ("worker: {cpu: lots}", "~/config.yaml: worker.cpu is 'lots', but must be a Kubernetes quantity such as 500m"),
    ("ps: {memory: 200}", "~/config.yaml: ps.memory is '200', but must be 1Mi or more. Did you mean 200Mi?"),
    ("ps: {memory: 1GB}", "~/config.yaml: ps.memory is '1GB', but must be a Kubernetes quantity such as 1Gi"),
    (
        "namespace: Team_A",
        "~/config.yaml: namespace is 'Team_A', but must be a Kubernetes name: a-z, 0-9 and '-'",
    ),
    (
        "s2i: {provider: buildha}",
        (
            "~/config.yaml: s2i.provider is 'buildha', but must be auto, append, imagevolume, configmap, buildah, "
            "podman, docker, s2i, kaniko, buildkit, cluster-buildkit, cluster-kaniko or tekton. Did you mean buildah?"
        ),
    ),
    (
        "s2i: {registry: team/images}",
        "~/config.yaml: s2i.registry is 'team/images', but must begin with a host. Did you mean docker.io/team/images?",
    ),
    (
        "s2i: {registry: 'http://localhost:5000'}",
        (
            "~/config.yaml: s2i.registry is 'http://localhost:5000', but must have no http://. "
            "Write the host alone, and name it in s2i.insecure, too"
        ),
    ),
    (
        "s2i: {registry: registry.example/Team}",
        (
            "~/config.yaml: s2i.registry is 'registry.example/Team', but must be in small letters. "
            "Did you mean registry.example/team?"
        ),
    ),
    (
        "s2i: {pull: 'registry.example/team:1'}",
        (
            "~/config.yaml: s2i.pull is 'registry.example/team:1', but must be a host and a path, such as "
            "registry.example/team or localhost:5000, without a tag"
        ),
    ),
    (
        "s2i: {insecure: [localhost:5000, 'a b']}",
        (
            "~/config.yaml: s2i.insecure is 'localhost:5000, a b', but must be hosts, such as localhost:5000, "
            "with commas between several"
        ),
    ),
    (
        "s2i: {insecure: yes}",
        (
            "~/config.yaml: s2i.insecure is 'yes', but must be hosts, such as localhost:5000. "
            "Name each registry that speaks plain HTTP"
        ),
    ),
    (
        "s2i: {registry: 'localhost:99999/team'}",
        "~/config.yaml: s2i.registry is 'localhost:99999/team', but must have a port from 1 to 65535, not 99999",
    ),
    (
        "s2i: {registry: docker.io}",
        (
            "~/config.yaml: s2i.registry is 'docker.io', but must say whose images they are. "
            "Did you mean docker.io/YOUR-NAME?"
        ),
    ),
    (
        "s2i: {platforms: amd64}",
        (
            "~/config.yaml: s2i.platforms is 'amd64', but must be platforms, such as linux/amd64, "
            "with commas between several"
        ),
    ),
    ("s2i: {scan: never}", "~/config.yaml: s2i.scan is 'never', but must be warn, block or off"),
    (
        "packages: {index: index.example}",
        (
            "~/config.yaml: packages.index is 'index.example', but must be the address of an index, such as "
            "https://index.example/simple"
        ),
    ),
    ("packages: {index: [a, b]}", "~/config.yaml: packages.index is a list, but must be one value"),
    ("just words", "~/config.yaml: must hold settings such as 'backend: local'"),
    ("a: b: c", "~/config.yaml, line 1, column 5: not valid YAML: mapping values are not allowed here"),
    ("a: \x07", "~/config.yaml: not valid YAML: special characters are not allowed"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_mistake_in_a_file_is_named_with_what_is_allowed(home: Path, system: Path, text: str, message: str) -> None:
    assert refusal(home, system, text) == message


def test_a_mistake_in_a_variable_is_named_with_what_is_allowed(home: Path, system: Path) -> None:
    message = refusal(home, system, CIAO_LOCAL_REPLICAS="many")
    assert message == "CIAO_LOCAL_REPLICAS is 'many', but must be a whole number, 1 or more"


def test_a_file_that_cannot_be_read_is_named(home: Path, system: Path) -> None:
    (home / "config.yaml").mkdir()
    assert refusal(home, system) == "~/config.yaml cannot be read: Is a directory. Correct it or remove it"


def test_a_file_that_is_not_text_is_named(home: Path, system: Path) -> None:
    (home / "config.yaml").write_bytes(b"\xff\xfe\x00")
    assert refusal(home, system) == "~/config.yaml cannot be read: it is not UTF-8 text. Correct it or remove it"


def test_every_setting_has_a_field_and_a_variable_of_its_own() -> None:
    fields = set(Settings.__dataclass_fields__) - {"resources", "given"}
    assert {s.field for s in SETTINGS if s.key.rpartition(".")[2] not in ("cpu", "memory")} == fields
    assert len({s.variable for s in SETTINGS}) == len(SETTINGS)


def test_every_setting_can_be_given_as_a_variable(home: Path, system: Path) -> None:
    settings = read(home, system, CIAO_S2I_PASSWORD="p", CIAO_PS_MEMORY="1Gi", CIAO_BACKEND="local")
    assert (settings.s2i_password, settings.backend) == ("p", "local")
    assert settings.resources["ps"] == Resources(memory="1Gi")


def test_a_survey_takes_what_can_be_read_and_tells_all_mistakes(home: Path, system: Path) -> None:
    system.write_text("grace: 1\nkeep: [")
    (home / "config.yaml").write_text("python: /home/python\nlocal: {replicas: none}")
    settings, mistakes = survey({"CIAO_HOME": str(home), "CIAO_KEEP_DAYS": "x", "CIAO_GRACE": "3"}, system=system)
    assert (settings.python, settings.grace, settings.keep_for) == ("/home/python", 3.0, Settings(home=home).keep_for)
    assert [m.source for m in mistakes] == [str(system), str(home / "config.yaml"), "CIAO_KEEP_DAYS"]
