//! A PostgreSQL server in a folder of its own: Debian's, or one of another version. It ends when no
//! one holds it any more, and when the test program dies, however that happens.
//!
//! Which versions there are: `HA_POSTGRESQL_HOMES` lists their homes (what has `bin/postgres` in
//! it), separated by colons. The first one serves all tests; those about versions go through all of
//! them. Without it they are Debian's and those that `tests/emulators/install` puts into the cache.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

/// The password of the master user; searched for in the server's log.
pub(crate) const MASTER_PASSWORD: &str = "m@ster'%\"\\ $x";

pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    pub(crate) authority: String,
    /// 15, 16, …
    pub(crate) major: u32,
    /// Whether its build has TLS.
    pub(crate) has_tls: bool,
    server: Child,
}

static RUNNING: Mutex<BTreeMap<PathBuf, Weak<Cluster>>> = Mutex::new(BTreeMap::new());

/// The server that all tests share while one of them holds it.
pub(crate) fn cluster() -> Arc<Cluster> {
    shared(&homes()[0])
}

/// One server of each version that is here.
pub(crate) fn versions() -> Vec<Arc<Cluster>> {
    homes().iter().map(|it| shared(it)).collect()
}

fn shared(home: &Path) -> Arc<Cluster> {
    let mut running = RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(cluster) = running.get(home).and_then(Weak::upgrade) {
        return cluster;
    }
    let cluster = Arc::new(Cluster::at(home, &["--locale=C"]));
    running.insert(home.to_owned(), Arc::downgrade(&cluster));
    cluster
}

/// Where servers are, that for all tests first.
pub(crate) fn homes() -> Vec<PathBuf> {
    if let Some(homes) = std::env::var_os("HA_POSTGRESQL_HOMES") {
        return std::env::split_paths(&homes).collect();
    }
    let cache = std::env::var_os("HA_CACHE").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(
            cache
                .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?
                .join("ha"),
        )
    });
    let others = cache
        .into_iter()
        .flat_map(|cache| ["postgresql-16", "postgresql-18"].map(|it| cache.join(it)));
    std::iter::once(debian()).chain(others.filter(|it| it.join("bin/postgres").exists())).collect()
}

impl Cluster {
    /// A server of one's own.
    pub(crate) fn start() -> Self {
        Self::at(&homes()[0], &["--locale=C"])
    }

    /// A server of one's own, of this version, initialised like this.
    pub(crate) fn at(home: &Path, options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("ha-postgresql-").tempdir().unwrap();
        // The server's user must be able to go through, and no one else to look in.
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        own(&data);
        let home = reachable(home, folder.path());
        let major = major(&home);
        let has_tls =
            fs::read(home.join("bin/postgres")).unwrap().windows(9).any(|it| it == b"libssl.so");
        let initialised = as_postgres(&home.join("bin/initdb"))
            .env("LD_LIBRARY_PATH", home.join("lib"))
            .args(["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"])
            .args(options)
            .arg("-D")
            .arg(&data)
            .output()
            .unwrap();
        assert!(
            initialised.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&initialised.stderr)
        );
        let authority = write_certificates(&data);
        let (host, tls) = if has_tls { ("hostssl", "on") } else { ("host", "off") };
        fs::write(
            data.join("pg_hba.conf"),
            format!("local all postgres trust\n{host} all all 127.0.0.1/32 scram-sha-256\n"),
        )
        .unwrap();
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nssl = {tls}\nssl_cert_file = 'server.pem'\n\
             ssl_key_file = 'server.key'\npassword_encryption = 'scram-sha-256'\nfsync = off\nlog_statement = 'all'\n\
             log_min_error_statement = 'debug5'\nlogging_collector = off\n",
            data.display()
        );
        fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .unwrap()
            .write_all(settings.as_bytes())
            .unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        // The shell holds our pipe: when it closes, for whatever reason, the server is stopped.
        let mut server = as_postgres(Path::new("/bin/sh"));
        server.args([
            "-c",
            "\"$@\" & server=$!; cat >/dev/null; kill -INT $server; wait $server",
            "sh",
        ]);
        server.env("LD_LIBRARY_PATH", home.join("lib"));
        server.arg(home.join("bin/postgres")).arg("-D").arg(&data);
        let server = server
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let cluster = Self { folder, port, authority, major, has_tls, server };
        cluster.wait();
        let quoted = MASTER_PASSWORD.replace('\'', "''").replace('\\', "\\\\");
        cluster.sql(
            "postgres",
            &format!("SET log_statement = 'none'; CREATE ROLE master LOGIN CREATEROLE CREATEDB PASSWORD E'{quoted}'"),
        );
        cluster
    }

    /// Until it answers.
    pub(crate) fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.psql("postgres", "SELECT 1").0 {
            assert!(Instant::now() < deadline, "the server does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the superuser sees: the output of a query, without headers.
    pub(crate) fn sql(&self, database: &str, query: &str) -> String {
        let (done, output) = self.psql(database, query);
        assert!(done, "{query}: {output}");
        output
    }

    fn psql(&self, database: &str, query: &str) -> (bool, String) {
        let mut psql = as_postgres(&binary("psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg(self.data())
            .args(["-p", &self.port.to_string()]);
        said(psql.args(["-U", "postgres", "-d", database, "-c", query]))
    }

    /// What a role sees that logs in with its password, over TLS, checking who it talks to.
    pub(crate) fn sql_as(
        &self,
        user: &str,
        password: &str,
        database: &str,
        query: &str,
    ) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
        let passwords = folder.path().join("passwords");
        fs::write(&passwords, format!("*:*:*:*:{escaped}\n")).unwrap();
        fs::set_permissions(&passwords, PermissionsExt::from_mode(0o600)).unwrap();
        fs::write(folder.path().join("ca.pem"), &self.authority).unwrap();
        let target = format!(
            "host=127.0.0.1 port={} user={user} dbname={database} sslmode={} sslrootcert={}",
            self.port,
            if self.has_tls { "verify-full" } else { "disable" },
            folder.path().join("ca.pem").display()
        );
        let mut psql = Command::new(binary("psql"));
        psql.env("PGPASSFILE", &passwords).args([
            "-XAtqw",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &target,
            "-c",
            query,
        ]);
        match said(&mut psql) {
            (true, output) => Ok(output),
            (false, output) => Err(output),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Everything the server wrote into its log, which holds every statement.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap()).into_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

fn said(command: &mut Command) -> (bool, String) {
    let ran = command.stdin(Stdio::null()).output().unwrap();
    let output = if ran.status.success() { ran.stdout } else { ran.stderr };
    (ran.status.success(), String::from_utf8_lossy(&output).trim_end().to_owned())
}

/// A server refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let mut command = if rustix_is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn rustix_is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn own(path: &Path) {
    if rustix_is_root() {
        let owned = Command::new("chown").arg("postgres:").arg(path).status().unwrap();
        assert!(owned.success(), "chown {}", path.display());
    }
}

/// A client, which serves servers of all versions.
fn binary(name: &str) -> PathBuf {
    debian().join("bin").join(name)
}

fn major(home: &Path) -> u32 {
    let (_, version) = said(Command::new(home.join("bin/postgres")).arg("--version"));
    version.split_whitespace().nth(2).and_then(|it| it.split('.').next()?.parse().ok()).unwrap()
}

/// The home, or a copy of it where the server's user cannot get at it.
fn reachable(home: &Path, folder: &Path) -> PathBuf {
    let looked = as_postgres(Path::new("/usr/bin/test"))
        .arg("-x")
        .arg(home.join("bin/postgres"))
        .status()
        .unwrap();
    if looked.success() {
        return home.to_owned();
    }
    let copy = folder.join("home");
    assert!(
        Command::new("cp").arg("-a").arg(home).arg(&copy).status().unwrap().success(),
        "cp -a {}",
        home.display()
    );
    copy
}

fn debian() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is not installed; run tests/emulators/install");
    let newest =
        versions.map(|it| it.unwrap().path()).filter(|it| it.join("bin/postgres").exists()).max();
    newest.expect("PostgreSQL's server is not installed; run tests/emulators/install")
}

/// An authority, and the server's certificate for its address; answers the authority's.
fn write_certificates(data: &Path) -> String {
    let mut about = CertificateParams::default();
    about.distinguished_name.push(DnType::CommonName, "Test authority");
    about.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(about, KeyPair::generate().unwrap()).unwrap();
    let mut about = CertificateParams::default();
    about.distinguished_name.push(DnType::CommonName, "Test server");
    about.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    let key = KeyPair::generate().unwrap();
    let certificate = about.signed_by(&key, &authority).unwrap();
    fs::write(data.join("server.pem"), certificate.pem()).unwrap();
    fs::write(data.join("server.key"), key.serialize_pem()).unwrap();
    fs::set_permissions(data.join("server.key"), PermissionsExt::from_mode(0o600)).unwrap();
    own(&data.join("server.key"));
    own(&data.join("server.pem"));
    authority.pem()
}
