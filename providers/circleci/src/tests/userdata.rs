use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ha_value::{Object, Text, Value};

use super::{list, object, render, secret, shown, text, unknown, value};

/// SHA-256 of `one\n`.
const ONE: &str = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806";

fn file(path: &str, key: &str, more: &[(&str, Value)]) -> Value {
    let mut given = object(&[
        ("path", Value::from(path)),
        ("bucket", Value::from("config")),
        ("key", Value::from(key)),
        ("sha256", Value::from(ONE)),
    ]);
    given.extend(object(more));
    Value::object(given)
}

fn userdata(more: &[(&str, Value)]) -> Object {
    let files = Value::tuple([
        file("/etc/settings.conf", "settings.conf/a'b", &[("version_id", Value::from("v 1"))]),
        file("/usr/local/share/ca-certificates/mongodb.crt", "ca.pem", &[]),
        file("/data/circle/keys/one", "keys/one", &[("mode", Value::from("0440"))]),
    ]);
    let mut given = object(&[
        ("region", Value::from("us-east-1")),
        ("replicated_tag", Value::from("2.38.6")),
        ("files", files),
    ]);
    given.extend(object(more));
    given
}

/// A machine of stubs: what the script calls writes down how it was called, and nothing outside the
/// folder changes.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let it = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(it.path("bin")).unwrap();
        fs::create_dir_all(it.path("usr/local/share/ca-certificates")).unwrap();
        for tool in [
            "bash",
            "cat",
            "chmod",
            "date",
            "dirname",
            "mkdir",
            "mktemp",
            "mv",
            "rm",
            "sha256sum",
            "touch",
        ] {
            let found = ["/usr/bin", "/bin"]
                .map(|it| Path::new(it).join(tool))
                .into_iter()
                .find(|it| it.exists())
                .unwrap();
            symlink(found, it.path("bin").join(tool)).unwrap();
        }
        it.stub("sleep", "");
        it.stub("update-ca-certificates", "");
        it.stub("aws", "for last; do :; done; echo one >\"$last\"");
        it.stub("apt-get", "");
        it.stub("snap", "");
        it.stub(
            "curl",
            r#"case $* in
              *api/token*) echo TOKEN ;;
              *local-ipv4*) [ "$(cat)" = 'X-aws-ec2-metadata-token: TOKEN' ] && echo 10.0.0.7 ;;
              *get.replicated.com*) while [ "$1" != -o ]; do shift; done; echo 'echo "replicated $*" >>"$CALLS"' >"$2" ;;
            esac"#,
        );
        it
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn stub(&self, name: &str, does: &str) {
        let path = self.path("bin").join(name);
        fs::write(
            &path,
            format!(
                "#!/bin/bash\nprintf '%s' {name} >>\"$CALLS\"; printf ' %q' \"$@\" >>\"$CALLS\"; echo >>\"$CALLS\"\n{does}\n"
            ),
        )
        .unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Runs the script with every path of the machine moved into the folder.
    fn boot(&self, content: &str) -> Output {
        let root = self.folder.path().to_str().unwrap();
        let moved = ["/etc/", "/usr/local/share/", "/data/", "/var/log/"]
            .iter()
            .fold(content.to_owned(), |script, it| {
                script.replace(&format!("'{it}"), &format!("'{root}{it}"))
            });
        fs::create_dir_all(self.path("var/log")).unwrap();
        fs::write(self.path("script"), moved).unwrap();
        let mut boot = Command::new("/bin/bash");
        boot.env_clear()
            .env("PATH", self.path("bin"))
            .env("CALLS", self.path("calls"))
            .env("TMPDIR", self.folder.path());
        boot.arg(self.path("script")).output().unwrap()
    }

    fn calls(&self) -> Vec<String> {
        let root = self.folder.path().to_str().unwrap();
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(|it| it.replace(root, "")).collect()
    }

    fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap()
    }

    fn mode(&self, inside: &str) -> u32 {
        fs::metadata(self.path(inside)).unwrap().mode() & 0o7777
    }
}

fn rendered(more: &[(&str, Value)]) -> String {
    text(&render("userdata", &userdata(more)).unwrap()["content"])
}

#[test]
fn bash_finds_no_fault_with_the_script() {
    let content = rendered(&[
        ("extra_commands", list(&["echo 'hello'"])),
        ("packages", list(&["jq", "unzip"])),
    ]);
    assert!(content.starts_with("#!/bin/bash\n") && content.ends_with('\n'));
    assert!(!content.contains('\r') && !content.contains("set -x") && !content.contains("set -ex"));
    let script = tempfile::NamedTempFile::new().unwrap();
    fs::write(script.path(), &content).unwrap();
    let checked = Command::new("bash").arg("-n").arg(script.path()).output().unwrap();
    assert!(
        checked.status.success() && checked.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}

#[test]
fn files_come_first_and_replicated_last() {
    let machine = Machine::new();
    let ran = machine.boot(&rendered(&[("extra_commands", list(&["echo extra >>\"$CALLS\""]))]));
    assert!(
        ran.status.success(),
        "{}\n{}",
        machine.read("var/log/ha-first-boot.log"),
        String::from_utf8_lossy(&ran.stderr)
    );
    let calls = machine.calls();
    let wanted = [
        "aws s3api get-object --bucket config --key settings.conf/a\\'b --version-id v\\ 1 /etc/settings.conf.new",
        "aws s3api get-object --bucket config --key ca.pem /usr/local/share/ca-certificates/mongodb.crt.new",
        "aws s3api get-object --bucket config --key keys/one /data/circle/keys/one.new",
        "update-ca-certificates ''",
        "extra",
        "curl -fsS --max-time 5 -X PUT -H X-aws-ec2-metadata-token-ttl-seconds:\\ 300 http://169.254.169.254/latest/api/token",
        "curl -fsS --max-time 5 -H @- http://169.254.169.254/latest/meta-data/local-ipv4",
    ];
    assert_eq!(calls[..7], wanted);
    assert!(
        calls[7].ends_with(" https://get.replicated.com/docker\\?replicated_tag=2.38.6"),
        "{}",
        calls[7]
    );
    assert_eq!(calls[8], "replicated local-address=10.0.0.7 no-proxy");
    assert_eq!(calls.len(), 9);
    assert_eq!(machine.read("etc/settings.conf"), "one\n");
    assert_eq!(machine.mode("etc/settings.conf"), 0o600);
    assert_eq!(machine.mode("usr/local/share/ca-certificates/mongodb.crt"), 0o644);
    assert_eq!(machine.mode("data/circle/keys/one"), 0o440);
    assert_eq!(machine.mode("var/log/ha-first-boot.log"), 0o600);
}

#[test]
fn an_object_that_is_late_is_waited_for() {
    let machine = Machine::new();
    machine.stub(
        "aws",
        r#"for last; do :; done
        case $(grep -c '^aws' "$CALLS") in
          1) echo 'NoSuchKey' >&2; exit 254 ;;
          2) : >"$last" ;;
          3) echo other >"$last" ;;
          *) echo one >"$last" ;;
        esac"#,
    );
    symlink("/bin/grep", machine.path("bin/grep")).unwrap();
    let ran = machine.boot(&rendered(&[]));
    assert!(ran.status.success(), "{}", machine.read("var/log/ha-first-boot.log"));
    assert_eq!(machine.calls().iter().filter(|it| it.starts_with("aws")).count(), 6);
    assert_eq!(machine.read("etc/settings.conf"), "one\n");
    assert!(
        machine
            .read("var/log/ha-first-boot.log")
            .contains("s3://config/settings.conf/a'b has another checksum")
    );
}

#[test]
fn nothing_is_installed_while_a_file_is_wrong() {
    let machine = Machine::new();
    machine.stub("aws", "for last; do :; done; echo other >\"$last\"");
    let ran = machine.boot(&rendered(&[("wait_seconds", Value::from(1))]));
    assert_eq!(ran.status.code(), Some(1));
    let reported = String::from_utf8(ran.stdout).unwrap();
    assert!(reported.contains("could not fetch s3://config/settings.conf/a'b"), "{reported}");
    assert!(reported.contains("the first boot failed with status 1"), "{reported}");
    assert!(!machine.path("etc/settings.conf").exists());
    assert!(machine.calls().iter().all(|it| it.starts_with("aws") || it.starts_with("sleep")));
}

#[test]
fn nothing_is_installed_without_an_address() {
    let machine = Machine::new();
    machine.stub("curl", "exit 22");
    let ran = machine.boot(&rendered(&[("wait_seconds", Value::from(1))]));
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8(ran.stdout).unwrap().contains("gave up on: find_local_address"));
    assert!(!machine.calls().iter().any(|it| it.starts_with("replicated")));
}

#[test]
fn a_machine_without_the_tool_gets_it() {
    let machine = Machine::new();
    fs::rename(machine.path("bin/aws"), machine.path("aws")).unwrap();
    machine.stub("apt-get", "case $* in *awscli*) exit 100 ;; esac");
    machine.stub(
        "snap",
        &format!("mv {} {}", machine.path("aws").display(), machine.path("bin/aws").display()),
    );
    let ran = machine.boot(&rendered(&[("packages", list(&["jq"]))]));
    assert!(ran.status.success(), "{}", machine.read("var/log/ha-first-boot.log"));
    let installs: Vec<String> =
        machine.calls().into_iter().take_while(|it| !it.starts_with("aws")).collect();
    assert_eq!(
        installs,
        [
            "apt-get -o DPkg::Lock::Timeout=60 update",
            "apt-get -o DPkg::Lock::Timeout=60 install -y --no-install-recommends awscli",
            "snap install aws-cli --classic",
            "apt-get -o DPkg::Lock::Timeout=60 update",
            "apt-get -o DPkg::Lock::Timeout=60 install -y --no-install-recommends jq",
        ]
    );
}

#[test]
fn a_digest_that_is_not_known_yet_leaves_the_rest_to_see() {
    let files = Value::tuple([file(
        "/etc/settings.conf",
        "settings",
        &[("sha256", unknown("random_password.it.result"))],
    )]);
    let outputs = render("userdata", &userdata(&[("files", files)])).unwrap();
    let wanted = "\nfetch '/etc/settings.conf' '0600' 'config' 'settings' '(after random_password.it.result)'\n";
    assert!(shown(&outputs["content"]).contains(wanted), "{}", shown(&outputs["content"]));
    assert_eq!(outputs["sha256"], unknown("random_password.it.result"));
    assert!(!outputs["size"].is_known());
}

#[test]
fn the_size_is_that_of_the_text() {
    let outputs = render("userdata", &userdata(&[])).unwrap();
    assert_eq!(
        outputs["size"],
        Value::from(i64::try_from(text(&outputs["content"]).len()).unwrap())
    );
}

#[test]
fn a_script_that_does_not_fit_is_refused_with_its_largest_parts() {
    let long = "#".repeat(14000);
    let problems =
        render("userdata", &userdata(&[("extra_commands", list(&["true", &long]))])).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].contains(
            "but EC2 takes 16384; the largest parts are `extra_commands[1]` with 14002 bytes"
        ),
        "{problems:?}"
    );
    // What is known already does not fit, whatever the rest will be.
    let files =
        Value::tuple([file("/etc/settings.conf", "settings", &[("sha256", unknown("a.b.c"))])]);
    let more = [("files", files), ("extra_commands", list(&[&"#".repeat(17000)]))];
    assert_eq!(render("userdata", &userdata(&more)).unwrap_err().len(), 1);
}

#[test]
fn secrets_are_refused_wherever_they_are() {
    let mut command = Text::from("echo ");
    command.push(&Text::secret("hush"));
    let files = Value::tuple([file("/etc/it", "it", &[("key", secret("hush"))])]);
    let more = [
        ("extra_commands", Value::tuple([command.into()])),
        ("files", files),
        ("replicated_tag", secret("1")),
    ];
    let problems = render("userdata", &userdata(&more)).unwrap_err();
    let places: Vec<&str> = problems.iter().map(|it| it.split_once(": ").unwrap().0).collect();
    assert_eq!(places, ["replicated_tag", "extra_commands[0]", "files[0].key"]);
    assert!(
        problems
            .iter()
            .all(|it| it.contains("userdata must not hold secrets") && !it.contains("hush"))
    );
}

#[test]
fn mistakes_are_found() {
    let wrong = |more: &[(&str, Value)]| render("userdata", &userdata(more)).unwrap_err();
    let of_file = |path: &str, more: &[(&str, Value)]| {
        wrong(&[("files", Value::tuple([file(path, "k", more)]))])
    };
    assert_eq!(of_file("etc/it", &[]), ["files[0].path: `etc/it` is no absolute path of a file"]);
    assert_eq!(of_file("/etc/it", &[("mode", Value::from("rw"))]).len(), 1);
    assert!(
        of_file("/etc/it", &[("sha256", Value::from("ABC"))])[0].contains("`ABC` is no SHA-256")
    );
    assert!(
        of_file("/usr/local/share/ca-certificates/ca.pem", &[])[0].contains("that end in `.crt`")
    );
    let twice = Value::tuple([file("/etc/it", "a", &[]), file("/etc/it", "b", &[])]);
    assert_eq!(wrong(&[("files", twice)]), ["files[1].path: two files go to `/etc/it`"]);
    assert!(wrong(&[("extra_commands", list(&["a\r\nb"]))])[0].contains("carriage return"));
    assert_eq!(
        wrong(&[("packages", list(&["a; rm -rf /"]))]),
        ["packages[0]: `a; rm -rf /` is no name of a package"]
    );
    assert!(
        wrong(&[("replicated_installer", Value::from("http://x"))])[0]
            .contains("must begin with `https://`")
    );
    let unpinned: Object =
        userdata(&[]).into_iter().filter(|(name, _)| &**name != "replicated_tag").collect();
    assert_eq!(
        render("userdata", &unpinned).unwrap_err(),
        ["replicated_tag: the argument `replicated_tag` is required"]
    );
    let text = value(&[("path", Value::from("/etc/it"))]);
    assert_eq!(wrong(&[("files", Value::tuple([text]))]).len(), 3);
}
