use ha_value::{Object, Text, Value};

use super::{object, render, secret, shown, text, unknown, value};

fn settings(more: &[(&str, Value)]) -> Object {
    let mut given = object(&[
        ("hostname", Value::from("ci.example.com")),
        ("secret_passphrase", secret("pass\"phrase\\ \u{1} ü")),
        ("ghe_client_id", Value::from("id")),
        ("ghe_client_secret", secret("hush")),
        ("aws_region", Value::from("us-east-1")),
        ("s3_bucket", Value::from("artifacts")),
        ("sqs_queue_url", Value::from("https://sqs.us-east-1.amazonaws.com/1/queue")),
    ]);
    given.extend(object(more));
    given
}

#[test]
fn the_file_is_the_guides() {
    let outputs = render(
        "circleci_settings",
        &settings(&[("extra", value(&[("banner", Value::from("Hi"))]))]),
    )
    .unwrap();
    let wanted = r#"{
  "hostname": {
    "value": "ci.example.com"
  },
  "allow_cluster": {
    "value": "1"
  },
  "secret_passphrase": {
    "value": "(secret)"
  },
  "ghe_type": {
    "value": "github_type_public"
  },
  "ghe_client_id": {
    "value": "id"
  },
  "ghe_client_secret": {
    "value": "(secret)"
  },
  "storage_backend": {
    "value": "storage_backend_s3"
  },
  "aws_region": {
    "value": "us-east-1"
  },
  "s3_bucket": {
    "value": "artifacts"
  },
  "sqs_queue_url": {
    "value": "https://sqs.us-east-1.amazonaws.com/1/queue"
  },
  "license_agreement": {
    "value": "license_agreement_agree"
  },
  "banner": {
    "value": "Hi"
  }
}
"#;
    assert_eq!(shown(&outputs["content"]), wanted);
    let parsed: serde_json::Value = serde_json::from_str(&text(&outputs["content"])).unwrap();
    assert_eq!(parsed["secret_passphrase"]["value"], "pass\"phrase\\ \u{1} ü");
    assert!(parsed.as_object().unwrap().values().all(|it| it["value"].is_string()));
}

#[test]
fn the_digest_is_of_the_file_and_no_secret() {
    let outputs = render("circleci_settings", &settings(&[])).unwrap();
    assert!(!outputs["sha256"].is_sensitive());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text(&outputs["content"])).unwrap();
    let summed = std::process::Command::new("sha256sum").arg(file.path()).output().unwrap();
    assert!(String::from_utf8(summed.stdout).unwrap().starts_with(&text(&outputs["sha256"])));
}

#[test]
fn one_unknown_part_leaves_the_rest_to_see() {
    let outputs = render(
        "circleci_settings",
        &settings(&[("s3_bucket", unknown("aws_s3_bucket.artifacts.bucket"))]),
    )
    .unwrap();
    let content = shown(&outputs["content"]);
    assert!(content.contains("\"value\": \"(after aws_s3_bucket.artifacts.bucket)\""), "{content}");
    assert!(content.contains("\"value\": \"ci.example.com\""), "{content}");
    assert_eq!(outputs["sha256"], unknown("aws_s3_bucket.artifacts.bucket"));
    let url: Text = [
        ha_value::TextPart::Clear("https://".into()),
        ha_value::TextPart::unknown(Some("q.url".into()), false),
    ]
    .into_iter()
    .collect();
    let outputs = render("circleci_settings", &settings(&[("sqs_queue_url", url.into())])).unwrap();
    assert!(shown(&outputs["content"]).contains("\"https://(after q.url)\""));
}

#[test]
fn mistakes_are_found() {
    let wrong = |more: &[(&str, Value)]| render("circleci_settings", &settings(more)).unwrap_err();
    assert_eq!(
        wrong(&[("hostname", Value::from("https://ci.example.com"))]),
        [
            "hostname: `https://ci.example.com` is no host name: give it without `https://`, port or path"
        ]
    );
    assert_eq!(
        wrong(&[("secret_passphrase", Value::from(""))]),
        ["secret_passphrase: `secret_passphrase` is empty"]
    );
    assert_eq!(
        wrong(&[("ghe_type", Value::from("github_type_privat"))]),
        ["ghe_type: `github_type_privat` is not one of github_type_public, github_type_enterprise"]
    );
    assert!(
        wrong(&[("storage_backend", Value::from("storage_backend_none"))])[0]
            .contains("is not one of storage_backend_s3")
    );
    assert!(
        wrong(&[("ghe_type", Value::from("github_type_enterprise"))])[0]
            .contains("`ghe_domain` is required")
    );
    let twice = value(&[("s3_bucket", Value::from("x"))]);
    assert_eq!(
        wrong(&[("extra", twice)]),
        ["extra.s3_bucket: `s3_bucket` is an argument of its own; give it there"]
    );
    assert!(wrong(&[("s3_buckett", Value::from("x"))])[0].contains("did you mean `s3_bucket`?"));
}
