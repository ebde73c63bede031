//! Three real mongods on loopback addresses, driven through the registry as the engine does it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures::future::BoxFuture;
use ha_provider::{
    Attempt, DriverSet, Error, ProviderClient, ProviderRegistry, ReadingValue, RecordedValue,
    RenderResult, SchemaSet, StepObserver,
};
use ha_value::{Address, BlockAddress, InstanceKey, Object, ResourceMode, Value};
use mongodb::bson::{Document, doc};
use mongodb::options::{AuthMechanism, ClientOptions, Credential, ServerAddress, Tls, TlsOptions};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use serde_json::{Value as Json, json};

pub(crate) const SET: &str = "circle";
pub(crate) const PASSWORD: &str = "p$%@/'ss w0rd-of-circle";
const ADDRESSES: [&str; 3] = ["127.0.0.11", "127.0.0.12", "127.0.0.13"];

/// Where `tests/emulators/install` puts mongod.
pub(crate) fn mongod() -> String {
    let named = std::env::var_os("HA_TEST_MONGOD").map(PathBuf::from);
    let cache = std::env::var_os("HA_CACHE").map(PathBuf::from);
    let users = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|it| PathBuf::from(it).join(".cache"));
    let cached = cache
        .or_else(|| users.or(home).map(|it| it.join("ha")))
        .map(|it| it.join("mongodb-6.0.5/mongod"));
    let path = named.or(cached).expect("there is a home folder");
    assert!(
        path.exists(),
        "{} is missing; run tests/emulators/install, or set HA_TEST_MONGOD",
        path.display()
    );
    path.to_str().expect("its path is text").to_owned()
}

/// What a step told.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) progress: Mutex<Vec<String>>,
}

impl StepObserver for Heard {
    fn note<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
    fn progress(&self, message: &str) {
        self.progress.lock().expect("no one panicked while holding it").push(message.to_owned());
    }
    fn is_cancelled(&self) -> bool {
        false
    }
}

pub(crate) struct Lab {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    pub(crate) heard: Arc<Heard>,
    schemas: SchemaSet,
    drivers: DriverSet,
    client: ProviderClient,
    authority: (String, KeyPair),
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let (schemas, drivers) = ha_mongodb::register(ProviderRegistry::new()).split();
        let connector = drivers.connector("mongodb").expect("the provider is registered");
        let (client, _) = connector.connect(&Object::new()).await.expect("it has no settings");
        let folder = tempfile::Builder::new()
            .prefix("ha-mongodb-")
            .tempdir()
            .expect("there is room for a folder");
        Self {
            folder,
            port: free_port(),
            heard: Arc::default(),
            schemas,
            drivers,
            client,
            authority: authority(),
        }
    }

    pub(crate) fn root(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("member-{index}"))
    }

    pub(crate) fn endpoint(&self, index: usize) -> String {
        format!("{}:{}", ADDRESSES[index], self.port)
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        (0..3).map(|it| self.endpoint(it)).collect()
    }

    pub(crate) fn attempt(&self, token: &str, resumed: bool) -> Attempt {
        let address: Address = BlockAddress::root(ResourceMode::Managed, "mongodb_test", "it")
            .instance(InstanceKey::None);
        Attempt::new(address, format!("{token:0>32}"), resumed, BTreeMap::new(), self.heard.clone())
    }

    /// Text of mongod.conf for a member, with everything logged that mongod is able to log.
    pub(crate) fn config(&self, index: usize, more: &Json) -> String {
        let mut arguments = json!({
            "version": "6.0.5", "root": self.root(index), "replica_set": SET, "bind_ip": [ADDRESSES[index]], "port": self.port,
            "cache_size_gb": 0.25, "oplog_size_mb": 128, "fork": true, "set_parameter": { "logLevel": "1" },
        });
        merge(&mut arguments, more);
        let described = self
            .schemas
            .kind(ResourceMode::Data, "mongodb_config")
            .expect("the kind is registered");
        let given =
            described.schema().conform(&object(&arguments)).expect("the arguments are right");
        let Some(RenderResult::Outputs(outputs)) = described.render(&given) else {
            panic!("the document renders")
        };
        format!(
            "{}\noperationProfiling:\n  slowOpThresholdMs: 0\n",
            outputs["content"].as_str().expect("it is known")
        )
    }

    pub(crate) fn bundle(&self, index: usize) -> String {
        self.signed("MongoDB", &[ADDRESSES[index]])
    }

    /// A member's certificate that will soon have run out.
    pub(crate) fn expiring(&self, index: usize, lives: Duration) -> String {
        self.signed_until("MongoDB", &[ADDRESSES[index]], Some(lives))
    }

    /// Key and certificate, signed by the set's authority.
    pub(crate) fn signed(&self, unit: &str, names: &[&str]) -> String {
        self.signed_until(unit, names, None)
    }

    fn signed_until(&self, unit: &str, names: &[&str], lives: Option<Duration>) -> String {
        let (pem, key) = &self.authority;
        let issuer = Issuer::from_ca_cert_pem(pem, key).expect("the authority is one");
        let mut params =
            CertificateParams::new(names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
                .expect("names are names");
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        if let Some(lives) = lives {
            let now = UNIX_EPOCH.elapsed().expect("it is later than 1970");
            params.not_after =
                date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs()) + lives;
        }
        let key = KeyPair::generate().expect("there is chance enough");
        let certificate = params.signed_by(&key, &issuer).expect("it can be signed");
        format!("{}{}", key.serialize_pem(), certificate.pem())
    }

    pub(crate) fn host(&self, index: usize, more: &Json) -> Object {
        let mut arguments = json!({
            "host": ADDRESSES[index], "port": self.port, "replica_set": SET, "version": "6.0.5",
            "config": self.config(index, &json!({})), "certificate_pem": self.bundle(index), "ca_certificate_pem": self.authority.0,
            "keep_data": false, "process": { "root": self.root(index), "mongod": mongod() },
        });
        merge(&mut arguments, more);
        self.normal("mongodb_host", &arguments)
    }

    pub(crate) fn authority_argument(&self) -> Json {
        json!({
            "certificate_pem": self.authority.0, "private_key_pem": self.authority.1.serialize_pem(),
            "organization": "Example", "organizational_unit": "MongoDB",
        })
    }

    pub(crate) fn replica_set(&self, more: &Json) -> Object {
        let members: Vec<Json> =
            self.endpoints().iter().map(|it| json!({ "host": it, "machine": "process" })).collect();
        let mut arguments = json!({
            "name": SET, "members": members, "authority": self.authority_argument(), "settings": { "election_timeout_millis": 2000, "heartbeat_interval_millis": 300 },
        });
        merge(&mut arguments, more);
        self.normal("mongodb_replica_set", &arguments)
    }

    pub(crate) fn user(&self, more: &Json) -> Object {
        let mut arguments = json!({
            "name": "circle", "password": PASSWORD, "replica_set": SET, "hosts": self.endpoints(), "authority": self.authority_argument(),
            "roles": [{ "role": "readWrite", "db": "circle_ghe" }, { "role": "readWrite", "db": "build_state_dev_ghe" }],
        });
        merge(&mut arguments, more);
        self.normal("mongodb_user", &arguments)
    }

    /// Arguments as the engine hands them to a driver.
    pub(crate) fn normal(&self, kind: &str, arguments: &Json) -> Object {
        let described =
            self.schemas.kind(ResourceMode::Managed, kind).expect("the kind is registered");
        let conformed =
            described.schema().conform(&object(arguments)).unwrap_or_else(|it| panic!("{it:?}"));
        let revealed = Value::Object(Arc::new(conformed)).revealed();
        let plain = revealed.as_object().expect("arguments are an object").clone();
        let problems = described.hooks().problems(described.schema(), &plain);
        assert_eq!(problems, [], "the arguments of {kind}");
        let normal = described.normal(&plain).expect("the arguments are right");
        Value::Object(Arc::new(normal))
            .revealed()
            .as_object()
            .expect("arguments are an object")
            .clone()
    }

    pub(crate) async fn create(
        &self,
        kind: &str,
        arguments: &Object,
        attempt: &mut Attempt,
    ) -> Result<RecordedValue, Error> {
        let driver = self.drivers.resource(kind).expect("the kind is registered");
        let (id, outputs) = driver.create(&self.client, arguments, attempt).await?;
        Ok(RecordedValue { id, arguments: arguments.clone(), outputs: plain(outputs) })
    }

    /// Makes it, given up after ever longer moments as if `ha` had been killed, until one try gets
    /// through.
    pub(crate) async fn create_with_kills(
        &self,
        kind: &str,
        arguments: &Object,
        token: &str,
    ) -> RecordedValue {
        let mut limit = Duration::from_millis(20);
        for resumed in std::iter::once(false).chain(std::iter::repeat(true)) {
            let mut attempt = self.attempt(token, resumed);
            match tokio::time::timeout(limit, self.create(kind, arguments, &mut attempt)).await {
                Ok(created) => return created.unwrap_or_else(|it| panic!("{kind}: {it:?}")),
                Err(_) => limit = limit * 3 / 2,
            }
        }
        unreachable!("it is tried until it succeeds")
    }

    pub(crate) async fn read(&self, kind: &str, known: &[&RecordedValue]) -> Vec<ReadingValue> {
        let driver = self.drivers.resource(kind).expect("the kind is registered");
        let known: Vec<RecordedValue> = known.iter().map(|it| (*it).clone()).collect();
        let readings = driver.read(&self.client, &known).await.expect("reading does not fail");
        let revealed = |it| match it {
            ReadingValue::Found { arguments, outputs, remarks } => ReadingValue::Found {
                arguments: plain(arguments),
                outputs: plain(outputs),
                remarks,
            },
            other => other,
        };
        readings.into_iter().map(revealed).collect()
    }

    /// The arguments and remarks of one thing that is there.
    pub(crate) async fn found(&self, kind: &str, known: &RecordedValue) -> (Object, Vec<String>) {
        match self.read(kind, &[known]).await.remove(0) {
            ReadingValue::Found { arguments, remarks, .. } => (arguments, remarks),
            other => panic!("{kind} is not found but {other:?}"),
        }
    }

    pub(crate) async fn update(
        &self,
        kind: &str,
        arguments: &Object,
        before: &RecordedValue,
    ) -> Result<RecordedValue, Error> {
        let driver = self.drivers.resource(kind).expect("the kind is registered");
        let outputs =
            driver.update(&self.client, arguments, before, &mut self.attempt("u", false)).await?;
        Ok(RecordedValue {
            id: before.id.clone(),
            arguments: arguments.clone(),
            outputs: plain(outputs),
        })
    }

    pub(crate) async fn delete(&self, kind: &str, recorded: &RecordedValue) -> Result<(), Error> {
        let driver = self.drivers.resource(kind).expect("the kind is registered");
        driver.delete(&self.client, recorded, &mut self.attempt("d", false)).await
    }

    /// A client from outside: anonymous, with a certificate, or with a password.
    pub(crate) async fn outsider(
        &self,
        index: usize,
        bundle: Option<&str>,
        password: Option<(&str, &str)>,
    ) -> mongodb::Client {
        let authority = self.folder.path().join("ca.pem");
        fs::write(&authority, &self.authority.0).expect("there is room");
        let mut tls = TlsOptions::default();
        tls.ca_file_path = Some(authority);
        tls.cert_key_file_path = bundle.map(|it| {
            let path = self.folder.path().join("client.pem");
            fs::write(&path, it).expect("there is room");
            path
        });
        let mut options = ClientOptions::default();
        options.hosts = vec![ServerAddress::parse(self.endpoint(index)).expect("it is an address")];
        options.direct_connection = Some(true);
        options.tls = Some(Tls::Enabled(tls));
        options.credential = match password {
            Some((user, password)) => Some(
                Credential::builder()
                    .username(user.to_owned())
                    .password(password.to_owned())
                    .source("admin".to_owned())
                    .build(),
            ),
            None => {
                bundle.map(|_| Credential::builder().mechanism(AuthMechanism::MongoDbX509).build())
            }
        };
        mongodb::Client::with_options(options).expect("the options are right")
    }

    /// What an anonymous client on the host is refused, and what it is not.
    pub(crate) async fn assert_shut_to_strangers(&self, index: usize) {
        let stranger = self.outsider(index, None, None).await;
        let admin = stranger.database("admin");
        for open in [
            doc! { "hello": 1 },
            doc! { "ping": 1 },
            doc! { "buildInfo": 1 },
            doc! { "connectionStatus": 1 },
        ] {
            admin.run_command(open.clone()).await.unwrap_or_else(|it| panic!("{open}: {it}"));
        }
        let shut: [Document; 9] = [
            doc! { "replSetInitiate": { "_id": SET, "members": [{ "_id": 0, "host": self.endpoint(index) }] } },
            doc! { "createUser": "root", "pwd": "x", "roles": ["root"] },
            doc! { "createRole": "r", "privileges": [], "roles": [] },
            doc! { "replSetGetStatus": 1 },
            doc! { "listDatabases": 1 },
            doc! { "usersInfo": 1 },
            doc! { "shutdown": 1 },
            doc! { "insert": "c", "documents": [{ "a": 1 }] },
            doc! { "find": "system.users" },
        ];
        for command in shut {
            let error = admin.run_command(command.clone()).await.expect_err("it is refused");
            assert_eq!(code(&error), Some(13), "{command}: {error}");
        }
    }

    /// mongod's process, as its lock names it.
    pub(crate) fn process(&self, index: usize) -> i32 {
        let lock = fs::read_to_string(self.root(index).join("mongo/data/mongod.lock"))
            .expect("it has run");
        lock.trim().parse().expect("it runs")
    }

    pub(crate) fn kill(&self, index: usize) {
        let process = self.process(index);
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(process).expect("a process has a number"),
            rustix::process::Signal::KILL,
        )
        .expect("it is ours");
        while is_mongod_below(process, &self.root(index)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A test that failed leaves no mongod behind.
impl Drop for Lab {
    fn drop(&mut self) {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else {
                continue;
            };
            if is_mongod_below(process, self.folder.path())
                && let Some(process) = rustix::process::Pid::from_raw(process)
            {
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            }
        }
    }
}

pub(crate) fn is_mongod_below(process: i32, folder: &Path) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).into_owned();
    line.contains("mongod\0-f\0") && line.contains(folder.to_str().expect("its path is text"))
}

pub(crate) fn code(error: &mongodb::error::Error) -> Option<i32> {
    match &*error.kind {
        mongodb::error::ErrorKind::Command(it) => Some(it.code),
        _ => None,
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// Every file below a folder that holds the text.
pub(crate) fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut search = Command::new("grep")
        .args(["--recursive", "--files-with-matches", "--text", "--fixed-strings", "--file=-"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a grep");
    search.stdin.take().expect("it has one").write_all(text.as_bytes()).expect("it listens");
    let found = search.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

fn plain(object: Object) -> Object {
    Value::Object(Arc::new(object)).revealed().as_object().expect("it is an object").clone()
}

fn object(json: &Json) -> Object {
    let value: Value = serde_json::from_value(json.clone()).expect("it is a value");
    value.as_object().expect("it is an object").clone()
}

fn merge(into: &mut Json, more: &Json) {
    for (name, value) in more.as_object().expect("it is an object") {
        into[name] = value.clone();
    }
}

fn authority() -> (String, KeyPair) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("there is chance enough");
    (params.self_signed(&key).expect("it can be signed").pem(), key)
}

/// A port that is free on all three addresses, outside those that the kernel gives away.
fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Tests that run at once, in this process and in others, look in different places.
    let start = 21_000
        + u16::try_from(std::process::id() % 9000).expect("it is small")
        + TAKEN.fetch_add(50, Ordering::Relaxed);
    let free = |port: &u16| {
        ADDRESSES
            .iter()
            .all(|it| TcpListener::bind((it.parse::<IpAddr>().expect("it is one"), *port)).is_ok())
    };
    (start..32_000).find(free).expect("some port is free")
}
