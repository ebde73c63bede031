//! A PostgreSQL server of Debian's, in a folder of its own. It ends when nobody holds it any more, and when the test
//! program dies, however that happens.

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
    server: Child,
}

static RUNNING: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

/// The server that all tests share while one of them holds it.
pub(crate) fn cluster() -> Arc<Cluster> {
    let mut running = RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(cluster) = running.upgrade() {
        return cluster;
    }
    let cluster = Arc::new(Cluster::start());
    *running = Arc::downgrade(&cluster);
    cluster
}

impl Cluster {
    /// A server of one's own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("ha-postgresql-").tempdir().unwrap();
        // The server's user must be able to go through, and nobody else to look in.
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        own(&data);
        let initialised = as_postgres(&binary("initdb"))
            .args(["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(initialised.status.success(), "initdb: {}", String::from_utf8_lossy(&initialised.stderr));
        let authority = write_certificates(&data);
        fs::write(data.join("pg_hba.conf"), "local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n").unwrap();
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nssl = on\nssl_cert_file = 'server.pem'\n\
             ssl_key_file = 'server.key'\npassword_encryption = 'scram-sha-256'\nfsync = off\nlog_statement = 'all'\n\
             log_min_error_statement = 'debug5'\nlogging_collector = off\n",
            data.display()
        );
        fs::OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap().write_all(settings.as_bytes()).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        // The shell holds our pipe: when it closes, for whatever reason, the server is told to go.
        let mut server = as_postgres(Path::new("/bin/sh"));
        server.args(["-c", "\"$@\" & server=$!; cat >/dev/null; kill -INT $server; wait $server", "sh"]);
        server.arg(binary("postgres")).arg("-D").arg(&data);
        let server = server.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let cluster = Self { folder, port, authority, server };
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
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h"]).arg(self.data()).args(["-p", &self.port.to_string()]);
        said(psql.args(["-U", "postgres", "-d", database, "-c", query]))
    }

    /// What a role sees that logs in with its password, over TLS, checking who it talks to.
    pub(crate) fn sql_as(&self, user: &str, password: &str, database: &str, query: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
        let passwords = folder.path().join("passwords");
        fs::write(&passwords, format!("*:*:*:*:{escaped}\n")).unwrap();
        fs::set_permissions(&passwords, PermissionsExt::from_mode(0o600)).unwrap();
        fs::write(folder.path().join("ca.pem"), &self.authority).unwrap();
        let target = format!(
            "host=127.0.0.1 port={} user={user} dbname={database} sslmode=verify-full sslrootcert={}",
            self.port,
            folder.path().join("ca.pem").display()
        );
        let mut psql = Command::new(binary("psql"));
        psql.env("PGPASSFILE", &passwords).args(["-XAtqw", "-v", "ON_ERROR_STOP=1", "-d", &target, "-c", query]);
        match said(&mut psql) {
            (true, output) => Ok(output),
            (false, output) => Err(output),
        }
    }

    fn data(&self) -> PathBuf {
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

fn binary(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is not installed; run tests/outside/install");
    let newest = versions.map(|it| it.unwrap().path()).filter(|it| it.join("bin/postgres").exists()).max();
    newest.expect("PostgreSQL's server is not installed; run tests/outside/install").join("bin").join(name)
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
