"""Secrets are found by their shape and by what they are called; nothing else is, and no time is lost."""

from __future__ import annotations

import random
import re
import string

import pytest

from ciao.s2i.scanning import RULES, Finding, scan

RANDOM = random.Random(7)


def any_of(alphabet: str, length: int) -> str:
    return "".join(RANDOM.choice(alphabet) for _ in range(length))


ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits

SECRETS = {
    "an AWS access key": f"client('s3', 'AKIA{any_of(UPPER, 15)}7')",
    "an AWS secret key": f"aws_secret_access_key = {any_of(ALNUM + '/+', 40)}",
    "a Google API key": f"key='AIza{any_of(ALNUM, 35)}'",
    "a GitHub token": f"git clone https://ghp_{any_of(ALNUM, 36)}@github.com/x/y",
    "a GitLab token": f"glpat-{any_of(ALNUM, 19)}3",
    "a Hugging Face token": f"login('hf_{any_of(string.ascii_letters, 34)}')",
    "a Slack token": f"xoxb-{any_of(string.digits, 12)}-{any_of(ALNUM, 24)}",
    "a Slack web hook": f"https://hooks.slack.com/services/T{any_of(UPPER, 8)}/B{any_of(UPPER, 8)}/{any_of(ALNUM, 24)}",
    "an OpenAI or Anthropic key": f"OpenAI('sk-proj-{any_of(ALNUM, 48)}')",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq9\n",
    "a password in an address": "create_engine('postgresql://ann:c0rrect-horse@db.example/x')",
    "a password": "connect(user='ann', password='correct-horse9')",
    "a secret": f"WANDB_API_KEY = '{any_of('0123456789abcdef', 40)}'",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_found_in_its_line_with_its_kind(kind: str) -> None:
    assert scan(f"import x\n\n{SECRETS[kind]}\n".encode()) == [Finding(3, kind)]


def test_a_key_of_a_google_service_account_is_found_in_its_json() -> None:
    text = (
        '{\n "type": "service_account",\n "private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0B\\n"}'
    )
    assert scan(text.encode()) == [Finding(3, "a private key")]


@pytest.mark.parametrize(
    "line",
    [
        'password: "s3cret-horse"', "DB_PASSWORD='s3cret-horse'", 'conf["password"] = "s3cret-horse"',
        '{"db_pass": "s3cret-horse"}', "dbPassword = 's3cret-horse'", 'passwd: str = "s3cret-horse"',
        f"HF_TOKEN={any_of(ALNUM, 30)}1a", f"  api-key: {any_of(ALNUM, 30)}1a", f'"token": "{any_of(ALNUM, 30)}1a"',
    ],
)  # fmt: skip
def test_a_value_is_found_by_its_name_in_every_notation(line: str) -> None:
    assert len(scan(line.encode())) == 1


@pytest.mark.parametrize(
    "line",
    [
        "password = os.environ['DB_PASSWORD']", "password = getpass()", "password=password", "PASSWORD=$DB_PASSWORD",
        "password = '${DB_PASSWORD}'", "password = '<your password>'", "password='changeme'",
        "password = 'your_password'",
        "password = '********'", "password = ''", "password = None", "password='password123'",
        "password = 'xxxxxxxxxx'",
        'help = "the password: at least 8 characters"', "else: pass", '"password": "string"',
        "bypass = 'the-other-road'",
        "compass='north-west'",
        "tokenizer = 'bert-base-uncased-v2-large'", "eos_token='<|endoftext|>'", "pad_token = '[PAD]'",
        "max_token=4096",
        "token_url = 'https://login.example/oauth2/token'", "secret_name = 'my-team-secret-number-1'",
        "key = 'accuracy'",
        "    token = modelCheckpoint2_of_the_best_epoch", "  secret = args.secret_of_the_service_1",
        "sort_key='validation_loss_mean'", "secret = 'secret'", "token: Optional[str] = None", "if token == 'x': pass",
        "AKIAIOSFODNN7EXAMPLE", "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "hf_hub_download_with_many_words_in_it",
        "task-sk-folding-cube-one-two-three", "sk-learn-is-scikit-learn-and-it-is-long", "ghp_tooshort",
        "'-----BEGIN PRIVATE KEY-----' in text", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        "http://localhost:8888/user@host", "https://user:{password}@host", "https://user:password@host/", "a://b:c",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b", "sha256:" + 64 * "a",
        "from x import password, token, secret",
        "token = hashlib.sha256(b'x').hexdigest()", "api_key=settings.api_key", "client = Client(token=token, key=key)",
    ],
)  # fmt: skip
def test_names_look_ups_and_examples_are_no_secrets(line: str) -> None:
    assert scan(line.encode()) == []


@pytest.mark.parametrize("word", ["# pragma: allowlist secret", "# gitleaks:allow", "# ciao: no secret"])
def test_a_comment_can_say_that_it_is_none(word: str) -> None:
    assert scan(f"password = 'c0rrect-horse'  {word}\npassword = 'c0rrect-horse'".encode()) == [
        Finding(2, "a password")
    ]


def test_each_secret_is_told_once_by_its_most_telling_kind() -> None:
    token = f"ghp_{any_of(ALNUM, 36)}"
    assert scan(f"GITHUB_TOKEN = '{token}'\ntoken='{token}'".encode()) == [
        Finding(1, "a GitHub token"),
        Finding(2, "a GitHub token"),
    ]


def test_what_is_no_text_is_not_looked_at() -> None:
    assert scan(b"\0\1\2" + SECRETS["a password"].encode()) == []


def test_what_is_found_never_says_the_secret() -> None:
    assert "horse" not in repr(scan(SECRETS["a password"].encode()))


HOSTILE = [
    "password", "password ", "password=", "password='", "password:str=", "a" * 60 + "password", "://", "://a:", "://a:b",
    "-----BEGIN ", "-----BEGIN A PRIVATE KEY-----", "sk-", "AKIA", "aws_secret_access_key=", "token = ", "hf_", "xoxb-",
    "token=" + "a1" * 99, "password='" + "a1" * 99, "eyJ", "'\"", " ", "\n", "pass=", "secret_key:",
]  # fmt: skip


@pytest.mark.timeout(100)
@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_more_than_its_length_in_time(piece: str) -> None:
    scan((piece * (1_000_000 // len(piece))).encode())  # in less than a second; not linear would be hours


def test_no_pattern_repeats_without_an_end() -> None:
    for rule in RULES:
        assert not re.search(rb"(?<!\\)[*+](?![^\[]*\])|\{\d+,\}", rule.pattern), rule
