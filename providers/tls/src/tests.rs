use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use futures::future::BoxFuture;
use ha_provider::{Attempt, Error, ProviderRegistry, ReadingValue, RecordedValue, StepObserver};
use ha_value::{Address, Object, ResourceMode, Value};

struct Silent;

impl StepObserver for Silent {
    fn note<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
    fn progress(&self, _: &str) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

fn object(given: &[(&str, Value)]) -> Object {
    given.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

fn value(given: &[(&str, Value)]) -> Value {
    Value::object(object(given))
}

fn list(given: &[&str]) -> Value {
    Value::tuple(given.iter().map(|it| Value::from(*it)))
}

fn problems(kind: &str, given: &Object) -> Vec<String> {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let kind = schemas.kind(ResourceMode::Managed, kind).unwrap();
    match kind.schema().conform(given) {
        Ok(conformed) => kind.hooks().problems(kind.schema(), &conformed),
        Err(problems) => problems,
    }
    .into_iter()
    .map(|it| it.message)
    .collect()
}

async fn create(kind: &str, given: &Object) -> Result<RecordedValue, Error> {
    let (schemas, drivers) = crate::register(ProviderRegistry::new()).split();
    let schema = schemas.kind(ResourceMode::Managed, kind).unwrap().schema();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    let address: Address = format!("{kind}.it").parse().unwrap();
    let mut attempt =
        Attempt::new(address, "0".repeat(32), false, BTreeMap::new(), Arc::new(Silent));
    let arguments = schema.conform(given).unwrap();
    let (id, outputs) =
        drivers.resource(kind).unwrap().create(&client, &arguments, &mut attempt).await?;
    Ok(RecordedValue { id, arguments, outputs })
}

async fn read(kind: &str, known: RecordedValue) -> ReadingValue {
    let (_, drivers) = crate::register(ProviderRegistry::new()).split();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    drivers.resource(kind).unwrap().read(&client, &[known]).await.unwrap().remove(0)
}

fn authority() -> Object {
    object(&[
        (
            "subject",
            value(&[
                ("common_name", Value::from("Internal CA")),
                ("organization", Value::from("Acme, Inc.")),
            ]),
        ),
        ("validity_period_hours", Value::from(8760)),
    ])
}

async fn member(changed: &[(&str, Value)]) -> (RecordedValue, Object) {
    let authority = create("tls_ca", &authority()).await.unwrap();
    let subject = [
        ("common_name", Value::from("mongo-1")),
        ("organization", Value::from("Acme, Inc.")),
        ("organizational_unit", Value::from("MongoDB")),
    ];
    let mut given = object(&[
        ("ca_certificate_pem", authority.outputs["certificate_pem"].clone()),
        ("ca_private_key_pem", authority.outputs["private_key_pem"].clone()),
        ("subject", value(&subject)),
        ("dns_names", list(&["mongo-1.example.com", "localhost"])),
        ("ip_addresses", list(&["127.0.0.11", "::1"])),
        ("validity_period_hours", Value::from(720)),
    ]);
    given.extend(object(changed));
    (authority, given)
}

fn text(of: &Value) -> String {
    of.revealed().as_str().unwrap().to_owned()
}

fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let ran = Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("openssl is installed");
    assert!(
        ran.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn every_kind_has_its_file_and_is_registered() {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let registered: BTreeSet<String> = schemas.kinds().map(|(_, it)| it.kind.to_string()).collect();
    let mut written = BTreeSet::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = file.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let Some((_, rest)) = source.split_once("const KIND: &'static str = \"") else { continue };
        let kind = rest.split('"').next().unwrap().to_owned();
        assert_eq!(
            path.file_stem().unwrap().to_str(),
            Some(kind.as_str()),
            "the file is named as its kind"
        );
        written.insert(kind);
    }
    assert_eq!(written, registered);
}

#[tokio::test]
async fn openssl_accepts_the_certificates() {
    for algorithm in ["ECDSA_P256", "ECDSA_P384"] {
        let (authority, given) = member(&[("key_algorithm", Value::from(algorithm))]).await;
        let certificate = create("tls_cert", &given).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, value: &Value| {
            std::fs::write(folder.path().join(name), text(value)).unwrap()
        };
        put("ca.pem", &authority.outputs["certificate_pem"]);
        put("cert.pem", &certificate.outputs["certificate_pem"]);
        put("bundle.pem", &certificate.outputs["bundle_pem"]);
        for purpose in ["sslserver", "sslclient"] {
            let strict =
                ["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", purpose, "cert.pem"];
            assert_eq!(openssl(folder.path(), &strict), "cert.pem: OK\n");
        }
        for name in ["mongo-1.example.com", "localhost"] {
            openssl(
                folder.path(),
                &["verify", "-CAfile", "ca.pem", "-verify_hostname", name, "cert.pem"],
            );
        }
        for address in ["127.0.0.11", "::1"] {
            openssl(
                folder.path(),
                &["verify", "-CAfile", "ca.pem", "-verify_ip", address, "cert.pem"],
            );
        }
        let facts = openssl(
            folder.path(),
            &[
                "x509",
                "-in",
                "bundle.pem",
                "-noout",
                "-subject",
                "-serial",
                "-fingerprint",
                "-sha256",
                "-nameopt",
                "RFC2253",
            ],
        );
        let wanted = format!(
            "subject=CN=mongo-1,OU=MongoDB,O=Acme\\, Inc.\nserial={}\nsha256 Fingerprint={}\n",
            text(&certificate.outputs["serial"]),
            text(&certificate.outputs["fingerprint"])
        );
        assert_eq!(facts, wanted);
        // The key in the bundle is the certificate's, in the form that begins with `PRIVATE KEY`.
        let of_key = openssl(folder.path(), &["pkey", "-in", "bundle.pem", "-pubout"]);
        assert_eq!(
            of_key,
            openssl(folder.path(), &["x509", "-in", "cert.pem", "-noout", "-pubkey"])
        );
        assert!(
            text(&certificate.outputs["bundle_pem"]).starts_with("-----BEGIN PRIVATE KEY-----\n")
        );
        assert!(!text(&certificate.outputs["bundle_pem"]).contains('\r'));
    }
}

#[tokio::test]
async fn subjects_have_all_units_and_components() {
    let several = |name: &str| {
        value(&[
            ("common_name", Value::from(name)),
            ("country", Value::from("DE")),
            ("organization", Value::from("Acme, Inc.")),
            ("organizational_units", list(&["MongoDB", "Data", "Europe"])),
            ("domain_components", list(&["db", "example", "com"])),
        ])
    };
    let given = object(&[
        ("subject", several("Internal CA")),
        ("validity_period_hours", Value::from(8760)),
    ]);
    let authority = create("tls_ca", &given).await.unwrap();
    let (_, mut given) = member(&[("subject", several("mongo-1"))]).await;
    for (argument, output) in
        [("ca_certificate_pem", "certificate_pem"), ("ca_private_key_pem", "private_key_pem")]
    {
        given.insert(argument.into(), authority.outputs[output].clone());
    }
    assert!(problems("tls_cert", &given).is_empty());
    let certificate = create("tls_cert", &given).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, of) in [("ca.pem", &authority), ("cert.pem", &certificate)] {
        std::fs::write(folder.path().join(name), text(&of.outputs["certificate_pem"])).unwrap();
    }
    let verify =
        ["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslserver", "cert.pem"];
    assert_eq!(openssl(folder.path(), &verify), "cert.pem: OK\n");
    let name = "C=DE,DC=com,DC=example,DC=db,O=Acme\\, Inc.,OU=MongoDB,OU=Data,OU=Europe,CN=";
    for (what, expected) in [("-subject", "mongo-1"), ("-issuer", "Internal CA")] {
        let reported = openssl(
            folder.path(),
            &["x509", "-in", "cert.pem", "-noout", what, "-nameopt", "esc_2253,sep_comma_plus"],
        );
        assert_eq!(reported.trim().split_once('=').unwrap().1.trim(), format!("{name}{expected}"));
    }
    let wrong = [
        [("organizational_unit", Value::from("A")), ("organizational_units", list(&["B"]))],
        [("common_name", Value::from("a")), ("domain_components", list(&["example.com"]))],
        [("common_name", Value::from("a")), ("organizational_units", list(&[" "]))],
    ];
    for subject in wrong {
        let given =
            object(&[("subject", value(&subject)), ("validity_period_hours", Value::from(1))]);
        assert_eq!(problems("tls_ca", &given).len(), 1, "{subject:?}");
    }
}

#[tokio::test]
async fn keys_are_secret_and_certificates_are_not() {
    let (authority, given) = member(&[]).await;
    let certificate = create("tls_cert", &given).await.unwrap();
    let secret = |of: &RecordedValue| -> Vec<String> {
        of.outputs
            .iter()
            .filter(|(_, it)| it.contains_sensitive())
            .map(|(name, _)| name.to_string())
            .collect()
    };
    assert_eq!(secret(&authority), ["private_key_pem"]);
    assert_eq!(secret(&certificate), ["bundle_pem", "private_key_pem"]);
    assert!(certificate.arguments["ca_private_key_pem"].is_sensitive());
}

#[tokio::test]
async fn a_certificate_ends_no_later_than_its_authority() {
    let (authority, given) = member(&[("validity_period_hours", Value::from(20000))]).await;
    let certificate = create("tls_cert", &given).await.unwrap();
    assert_eq!(certificate.outputs["validity_end_time"], authority.outputs["validity_end_time"]);
}

#[tokio::test]
async fn a_certificate_due_for_renewal_reads_as_a_difference() {
    let (_, given) = member(&[("early_renewal_hours", Value::from(48))]).await;
    let mut known = create("tls_cert", &given).await.unwrap();
    let ReadingValue::Found { arguments, outputs, remarks } = read("tls_cert", known.clone()).await
    else {
        panic!("there")
    };
    assert_eq!((&arguments, &outputs, remarks.len()), (&known.arguments, &known.outputs, 0));
    let end =
        (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(47 * 3600 + 30)).to_string();
    known.outputs.insert("validity_end_time".into(), Value::from(end.as_str()));
    let ReadingValue::Found { arguments, remarks, .. } = read("tls_cert", known).await else {
        panic!("there")
    };
    assert_eq!(arguments["validity_period_hours"], Value::from(47));
    assert!(remarks[0].contains("expires at"), "{remarks:?}");
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    assert!(schemas.kind(ResourceMode::Managed, "tls_cert").unwrap().schema().arguments["validity_period_hours"].immutable);
}

#[tokio::test]
async fn a_key_of_another_authority_is_refused_before_a_certificate_is_signed() {
    let other = create("tls_ca", &authority()).await.unwrap();
    let (_, given) =
        member(&[("ca_private_key_pem", other.outputs["private_key_pem"].clone())]).await;
    assert_eq!(
        problems("tls_cert", &given),
        ["`ca_private_key_pem` is not the key of `ca_certificate_pem`"]
    );
}

#[tokio::test]
async fn a_certificate_cannot_sign_another() {
    let (_, given) = member(&[]).await;
    let leaf = create("tls_cert", &given).await.unwrap();
    let certificate = leaf.outputs["certificate_pem"].clone();
    let (_, given) = member(&[("ca_certificate_pem", certificate)]).await;
    assert!(problems("tls_cert", &given)[0].contains("not the certificate of an authority"));
}

#[tokio::test]
async fn a_subject_equal_to_the_authoritys_is_refused() {
    let (_, given) = member(&[("subject", authority()["subject"].clone())]).await;
    let error = create("tls_cert", &given).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not sign a certificate: its subject is the same as that of its authority"
    );
}

#[tokio::test]
async fn finds_invalid_arguments_before_a_change() {
    let unnamed = value(&[("common_name", Value::from("mongo-1"))]);
    let (_, given) = member(&[("subject", unnamed.clone())]).await;
    assert!(problems("tls_cert", &given)[0].contains("mongod recognises members by"));
    let (_, given) =
        member(&[("subject", unnamed), ("allowed_uses", list(&["server_auth"]))]).await;
    assert_eq!(problems("tls_cert", &given), Vec::<String>::new());
    let names = [("dns_names", list(&["10.0.0.1", "a b"])), ("ip_addresses", list(&["mongo"]))];
    let (_, given) = member(&names).await;
    assert_eq!(
        problems("tls_cert", &given),
        [
            "`10.0.0.1` is an address; it belongs into `ip_addresses`",
            "`a b` is no host name",
            "`mongo` is no IP address"
        ]
    );
    let (_, given) = member(&[("key_algorithm", Value::from("RSA"))]).await;
    assert_eq!(problems("tls_cert", &given), ["`RSA` is not one of ECDSA_P256, ECDSA_P384"]);
    let mut late = authority();
    late.insert("early_renewal_hours".into(), Value::from(8760));
    assert!(problems("tls_ca", &late)[0].contains("every plan would renew it"));
    let mut country = authority();
    country.insert("subject".into(), value(&[("country", Value::from("Germany"))]));
    assert!(problems("tls_ca", &country)[0].contains("two upper-case letters"));
}

#[tokio::test]
async fn imports_an_existing_authority() {
    let subject = value(&[("common_name", "Authority".into())]);
    let given = object(&[("subject", subject), ("validity_period_hours", 100.into())]);
    let made = create("tls_ca", &given).await.unwrap();
    let text = |name: &str| made.outputs[name].revealed().as_str().unwrap().to_owned();
    let (certificate, key) = (text("certificate_pem"), text("private_key_pem"));
    let (_, drivers) = crate::register(ProviderRegistry::new()).split();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    let import = async |pem: String| {
        drivers.resource("tls_ca").unwrap().import(&client, &pem, &made.arguments).await
    };
    let found = import(format!("{certificate}{key}")).await.unwrap().unwrap().recorded;
    assert_eq!(
        (&found.id, &found.outputs, &found.arguments),
        (&made.id, &made.outputs, &made.arguments)
    );
    let other = create("tls_ca", &given).await.unwrap().outputs["private_key_pem"].revealed();
    for wrong in
        [certificate.clone(), key.clone(), format!("{certificate}{}", other.as_str().unwrap())]
    {
        let error = import(wrong).await.unwrap_err().to_string();
        assert!(
            error.contains("one behind the other") && !error.contains(key.lines().nth(1).unwrap()),
            "{error}"
        );
    }
}
