"""postern.toml: defaults, merging, and all faults at once with their paths."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from gateway.app.scanner import scanner_of
from gateway.domain.errors import Faulty
from gateway.settings.gateway import FALLBACK_HOSTNAME, Settings, hostname_of, load
from gateway.settings.quantities import Listen, is_host_name
from gateway.upstream.clamd import Clamd

EXAMPLE = Path(__file__).parents[2] / "config" / "postern.toml"


def written(folder: Path, text: str, name: str = "postern.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def faults_in(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(Faulty) as refused:
        load(written(folder, text))
    return {fault.path: fault.sentence for fault in refused.value.faults}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, a key of another one, and the authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name in ("one", "other"):
        certificate = authority.issue_cert("mail.firm.example")
        certificate.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
        certificate.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    return folder


def test_only_data_dir_is_needed_and_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    settings = load(written(tmp_path, 'data_dir = "data"'))
    assert settings.data_dir == tmp_path / "data"
    assert settings.submission.listen == (Listen("127.0.0.1", 1587),)
    assert settings.submission.listen_tls == ()
    assert settings.submission.max_message_size == 50_000_000
    assert settings.submission.require_tls
    assert is_host_name(settings.submission.hostname)
    assert settings.tls is None
    assert settings.admin.socket == tmp_path / "data" / "admin.sock"
    assert settings.admin.group is None
    assert settings.database.url is None
    minutes = [1, 5, 15, 60, 180, 360]
    assert settings.queue.retry == tuple(timedelta(minutes=each) for each in minutes)
    assert settings.queue.give_up_after == timedelta(days=5)
    assert settings.queue.undo_window == timedelta(0)
    assert (settings.log.level, settings.log.format) == ("info", "auto")
    assert settings.policy.client_without_sync == "refuse"
    assert settings.policy.client_without_access == "refuse"
    assert settings.upstream.trust is None


def test_the_example_in_config_loads_and_gives_the_defaults(tmp_path: Path) -> None:
    example = load(Path(shutil.copy(EXAMPLE, tmp_path)))
    plain = load(written(tmp_path, 'data_dir = "/var/lib/postern"', "plain.toml"))
    assert example == plain


def test_each_commented_default_of_the_example_is_the_default(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text().splitlines()
    keys = [line for line in lines if line.startswith("# ") and " = " in line and not line.endswith("example")]
    settings = [line.removeprefix("# ") if line in keys else line for line in lines]
    assert len(keys) >= 10
    assert load(written(tmp_path, "\n".join(settings))) == load(Path(shutil.copy(EXAMPLE, tmp_path)))


def test_every_value_can_be_set(tmp_path: Path, certificates: Path) -> None:
    settings = load(
        written(
            tmp_path,
            f"""
            data_dir = "/srv/postern"
            [submission]
            hostname = "Mail.Firm.example"
            listen = ["*:587", "[::1]:0"]
            listen_tls = ["0.0.0.0:465"]
            max_message_size = "25 MiB"
            require_tls = false
            [tls]
            certificate = "{certificates}/one.pem"
            key = "{certificates}/one.key"
            [admin]
            socket = "run/admin.sock"
            group = "root"
            [database]
            url = "sqlite+aiosqlite:////srv/p.db"
            [queue]
            retry = ["30s"]
            give_up_after = "1h 30m"
            undo_window = "10s"
            [log]
            level = "debug"
            format = "json"
            [policy]
            client_without_sync = "pass"
            client_without_access = "pass"
            [upstream]
            trust = "{certificates}/ca.pem"
            """,
        )
    )
    assert settings.submission.hostname == "mail.firm.example"
    assert settings.submission.listen == (Listen("", 587), Listen("::1", 0))
    assert settings.submission.max_message_size == 25 * 2**20
    assert settings.tls
    assert settings.tls.key == certificates / "one.key"
    assert settings.admin.socket == tmp_path / "run" / "admin.sock"
    assert settings.queue.retry == (timedelta(seconds=30),)
    assert settings.queue.give_up_after == timedelta(minutes=90)
    assert settings.policy.client_without_access == "pass"


def test_files_of_conf_d_are_laid_over_in_the_order_of_their_names(tmp_path: Path) -> None:
    written(tmp_path, '[log]\nlevel = "warning"\n[submission]\nrequire_tls = false', "conf.d/20-late.toml")
    written(tmp_path, '[log]\nlevel = "debug"\n[submission]\nlisten = ["*:587"]', "conf.d/10-early.toml")
    written(tmp_path, "this is not read", "conf.d/notes.txt")
    settings = load(written(tmp_path, 'data_dir = "data"\n[log]\nformat = "json"'))
    assert (settings.log.level, settings.log.format) == ("warning", "json")
    assert settings.submission.listen == (Listen("", 587),)
    assert not settings.submission.require_tls


def test_a_fault_in_conf_d_names_that_file(tmp_path: Path) -> None:
    written(tmp_path, "level = ", "conf.d/broken.toml")
    assert "is not valid TOML" in faults_in(tmp_path, 'data_dir = "data"')["broken.toml"]


def test_all_faults_come_at_once_each_with_its_path(tmp_path: Path) -> None:
    faults = faults_in(
        tmp_path,
        """
        datadir = "data"
        [submission]
        hostname = "a b"
        listen = ["127.0.0.1", 25, "127.0.0.1:1587"]
        listen_tls = ["127.0.0.1:1465"]
        max_message_size = "huge"
        require_tls = "yes"
        maxmessage_size = 1
        [tls]
        certificate = "none.pem"
        [queue]
        retry = ["1m", "soon"]
        [log]
        level = "loud"
        [policy]
        client_without_sync = "drop"
        [database]
        url = "postgresql://db"
        [admin]
        group = "no-such-group-anywhere"
        [upstream]
        trust = "none.pem"
        """,
    )
    assert set(faults) == {
        "datadir",
        "data_dir",
        "submission.hostname",
        "submission.listen[0]",
        "submission.listen[1]",
        "submission.max_message_size",
        "submission.require_tls",
        "submission.maxmessage_size",
        "tls.key",
        "queue.retry[1]",
        "log.level",
        "policy.client_without_sync",
        "database.url",
        "admin.group",
        "upstream.trust",
    }
    assert faults["datadir"] == 'unknown key; did you mean "data_dir"?'
    assert faults["submission.maxmessage_size"] == 'unknown key; did you mean "max_message_size"?'
    assert faults["submission.require_tls"] == "must be true or false"
    assert faults["tls.key"] == "is missing"
    assert "'debug', 'info', 'warning' or 'error'" in faults["log.level"]


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        ("", "data_dir", "is missing"),
        ("data_dir = 5", "data_dir", "must be a path"),
        ('data_dir = ""', "data_dir", "must be a path"),
        ('data_dir = "d"\nsubmission = 5', "submission", "must be a table"),
        ('data_dir = "d"\nadmin = 5', "admin", "must be a table"),
        ('data_dir = "d"\n[[submission]]\nlisten = []', "submission", "must be a table"),
        ('data_dir = "d"\n[sumbission]', "sumbission", 'did you mean "submission"'),
        ('data_dir = "d"\n[submission]\nlisten = "127.0.0.1:25"', "submission.listen", "must be a list"),
        ('data_dir = "d"\n[submission]\nlisten = []', "submission.listen", "at least one address"),
        ('data_dir = "d"\n[submission]\nlisten = ["*:25"]', "submission.listen[0]", "add [tls]"),
        ('data_dir = "d"\n[submission]\nlisten_tls = ["127.0.0.1:465"]', "submission.listen_tls", "needs [tls]"),
        ('data_dir = "d"\n[submission]\nlisten = ["[::1]:25", "[::1]:25"]', "submission.listen[1]", "listed twice"),
        ('data_dir = "d"\n[submission]\nmax_message_size = "1 KB"', "submission.max_message_size", "between"),
        ('data_dir = "d"\n[submission]\nmax_message_size = 1e9', "submission.max_message_size", "whole number"),
        ('data_dir = "d"\n[queue]\nretry = []', "queue.retry", "at least one"),
        ('data_dir = "d"\n[queue]\nretry = ["0s"]', "queue.retry", "none shorter"),
        ('data_dir = "d"\n[queue]\ngive_up_after = "0s"', "queue.give_up_after", "at least"),
        ('data_dir = "d"\n[queue]\nundo_window = "6d"', "queue.undo_window", "shorter than give_up_after"),
        ('data_dir = "d"\n[admin]\nsocket = "' + "x" * 120 + '"', "admin.socket", "107 octets"),
    ],
)
def test_each_fault_says_where_it_is_and_what_to_do(tmp_path: Path, text: str, path: str, sentence: str) -> None:
    assert sentence in faults_in(tmp_path, text)[path]


def test_loopback_needs_no_tls_and_a_port_of_0_may_stand_twice(tmp_path: Path) -> None:
    settings = load(written(tmp_path, 'data_dir = "d"\n[submission]\nlisten = ["127.0.0.1:0", "127.0.0.1:0"]'))
    assert settings.submission.listen == (Listen("127.0.0.1", 0), Listen("127.0.0.1", 0))


@pytest.mark.parametrize(
    ("certificate", "key", "path", "sentence"),
    [
        ("one.pem", "other.key", "tls", "key values mismatch"),
        ("none.pem", "one.key", "tls.certificate", "No such file"),
        ("one.pem", "none.key", "tls.key", "No such file"),
        ("one.key", "one.key", "tls", "don't work together"),
        ("garbage", "one.key", "tls", "don't work together"),
    ],
)
def test_a_certificate_that_does_not_work_is_a_fault(
    tmp_path: Path, certificates: Path, certificate: str, key: str, path: str, sentence: str
) -> None:
    (certificates / "garbage").write_text("garbage")
    text = f'data_dir = "d"\n[tls]\ncertificate = "{certificates}/{certificate}"\nkey = "{certificates}/{key}"'
    assert sentence in faults_in(tmp_path, text)[path]


def test_a_trust_file_without_certificates_is_a_fault(tmp_path: Path) -> None:
    written(tmp_path, "garbage", "ca.pem")
    faults = faults_in(tmp_path, 'data_dir = "d"\n[upstream]\ntrust = "ca.pem"')
    assert "no PEM certificates" in faults["upstream.trust"]


def test_a_data_dir_that_is_a_file_is_a_fault(tmp_path: Path) -> None:
    assert "is not a folder" in faults_in(tmp_path, 'data_dir = "postern.toml"')["data_dir"]


@pytest.mark.parametrize("content", [b"data_dir = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_one_fault_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "postern.toml"
    path.write_bytes(content)
    with pytest.raises(Faulty) as refused:
        load(path)
    assert [fault.path for fault in refused.value.faults] == ["postern.toml"]


def test_a_file_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(Faulty, match="can't be read: No such file"):
        load(tmp_path / "none.toml")


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings: Settings = load(written(tmp_path, 'data_dir = "d"'))
    with pytest.raises(ValueError):
        settings.log.level = "debug"


@pytest.mark.parametrize(("machine", "name"), [("build_box_7", FALLBACK_HOSTNAME), ("Mx1", "mx1")])
def test_a_machine_without_a_usable_name_is_called_localhost(machine: str, name: str) -> None:
    assert hostname_of(machine) == name


@pytest.mark.parametrize("place", ["/run/clamav/clamd.ctl", "127.0.0.1:3310", "[::1]:3310", "scan.firm.example:3310"])
def test_a_scanner_is_named_by_path_or_by_host_and_port(tmp_path: Path, place: str) -> None:
    settings = load(written(tmp_path, f'data_dir = "data"\n[scan]\nclamd = "{place}"'))
    assert settings.scan.clamd == place
    scanner = scanner_of(settings)
    assert isinstance(scanner, Clamd)
    assert scanner.place.removeprefix("[") in {place, place.replace("[", "").replace("]", "")}
    assert scanner_of(load(written(tmp_path, 'data_dir = "data"'))) is None


@pytest.mark.parametrize("place", ["", "clamd.ctl", "*:3310", "127.0.0.1:0", "127.0.0.1"])
def test_a_scanner_that_cannot_be_is_a_fault(tmp_path: Path, place: str) -> None:
    assert "clamd" in faults_in(tmp_path, f'data_dir = "data"\n[scan]\nclamd = "{place}"')["scan.clamd"]


def test_an_imap_servers_manners_are_read_by_its_name_and_checked(tmp_path: Path) -> None:
    settings = load(
        written(
            tmp_path,
            """
            data_dir = "d"
            [upstream.provider."imap.firm.example"]
            renew_idle = "4m"
            download_a_day = "500 MB"
            """,
        )
    )
    told = settings.upstream.provider["imap.firm.example"]
    assert (told.renew_idle, told.download_a_day, told.connections) == (timedelta(minutes=4), 500_000_000, None)
    faults = faults_in(
        tmp_path,
        """
        data_dir = "d"
        [upstream.provider."a.example"]
        renew_idle = "30m"
        connections = 2
        renew = "9m"
        [upstream.provider."b.example"]
        look_every = "1s"
        logins_a_second = 0
        """,
    )
    assert set(faults) == {
        *(f"upstream.provider.a.example.{key}" for key in ("renew_idle", "connections", "renew")),
        *(f"upstream.provider.b.example.{key}" for key in ("look_every", "logins_a_second")),
    }
    assert 'did you mean "renew_idle"?' in faults["upstream.provider.a.example.renew"]
