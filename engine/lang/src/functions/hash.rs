//! Digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ha_kind::Value;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{Answer, Function, Kind, Parameter, Refusal, Run, str_of, text};
use crate::environment::Environment;
use Kind::Text;

const TEXT: &[Parameter] = &[text("text")];
const PATH: &[Parameter] = &[text("path")];

const fn of_text(name: &'static str, doc: &'static str, run: fn(&[Value]) -> Answer) -> Function {
    Function::new(name, doc, TEXT, Text, Run::Plain(run))
}

const fn of_file(name: &'static str, doc: &'static str, run: fn(&[Value], &Environment<'_>) -> Answer) -> Function {
    Function::new(name, doc, PATH, Text, Run::Outside(run))
}

pub(super) const FUNCTIONS: &[Function] = &[
    of_text("base64sha256", "The SHA-256 digest of the text in base64.", |it| base64::<Sha256>(str_of(it, 0).as_bytes())),
    of_text("base64sha512", "The SHA-512 digest of the text in base64.", |it| base64::<Sha512>(str_of(it, 0).as_bytes())),
    of_file("filebase64sha256", "The SHA-256 digest of a file in base64.", |it, env| base64::<Sha256>(&content(it, env)?)),
    of_file("filebase64sha512", "The SHA-512 digest of a file in base64.", |it, env| base64::<Sha512>(&content(it, env)?)),
    of_file("filemd5", "The MD5 digest of a file in hexadecimal.", |it, env| hex::<Md5>(&content(it, env)?)),
    of_file("filesha1", "The SHA-1 digest of a file in hexadecimal.", |it, env| hex::<Sha1>(&content(it, env)?)),
    of_file("filesha256", "The SHA-256 digest of a file in hexadecimal.", |it, env| hex::<Sha256>(&content(it, env)?)),
    of_file("filesha512", "The SHA-512 digest of a file in hexadecimal.", |it, env| hex::<Sha512>(&content(it, env)?)),
    of_text("md5", "The MD5 digest of the text in hexadecimal.", |it| hex::<Md5>(str_of(it, 0).as_bytes())),
    of_text("sha1", "The SHA-1 digest of the text in hexadecimal.", |it| hex::<Sha1>(str_of(it, 0).as_bytes())),
    of_text("sha256", "The SHA-256 digest of the text in hexadecimal.", |it| hex::<Sha256>(str_of(it, 0).as_bytes())),
    of_text("sha512", "The SHA-512 digest of the text in hexadecimal.", |it| hex::<Sha512>(str_of(it, 0).as_bytes())),
];

fn content(arguments: &[Value], environment: &Environment<'_>) -> Result<std::sync::Arc<[u8]>, Refusal> {
    super::file::content(str_of(arguments, 0), environment)
}

#[expect(clippy::unnecessary_wraps, reason = "it ends functions that answer so")]
fn base64<D: Digest>(bytes: &[u8]) -> Answer {
    Ok(Value::from(STANDARD.encode(D::digest(bytes))))
}

#[expect(clippy::unnecessary_wraps, reason = "it ends functions that answer so")]
fn hex<D: Digest>(bytes: &[u8]) -> Answer {
    Ok(Value::from(D::digest(bytes).iter().map(|it| format!("{it:02x}")).collect::<String>()))
}
