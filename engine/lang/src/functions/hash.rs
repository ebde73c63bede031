//! Digests, identifiers and RSA decryption.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ha_value::Value;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

use super::{
    Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind, integer_of,
    number, string_argument, text,
};
use crate::environment::EvaluationContext;
use ParameterKind::Text;

const TEXT: &[Parameter] = &[text("text")];
const PATH: &[Parameter] = &[text("path")];

const fn of_string(
    name: &'static str,
    doc: &'static str,
    run: fn(&[Value]) -> FunctionResult,
) -> Function {
    Function::new(name, doc, TEXT, Text, FunctionBody::Plain(run))
}

const fn of_file(
    name: &'static str,
    doc: &'static str,
    run: fn(&[Value], &EvaluationContext<'_>) -> FunctionResult,
) -> Function {
    Function::new(name, doc, PATH, Text, FunctionBody::Outside(run))
}

pub(super) const FUNCTIONS: &[Function] = &[
    of_string("base64sha256", "The SHA-256 digest of the string in base64.", |it| {
        base64::<Sha256>(string_argument(it, 0).as_bytes())
    }),
    of_string("base64sha512", "The SHA-512 digest of the string in base64.", |it| {
        base64::<Sha512>(string_argument(it, 0).as_bytes())
    }),
    of_file("filebase64sha256", "The SHA-256 digest of a file in base64.", |it, env| {
        base64::<Sha256>(&content(it, env)?)
    }),
    of_file("filebase64sha512", "The SHA-512 digest of a file in base64.", |it, env| {
        base64::<Sha512>(&content(it, env)?)
    }),
    of_file("filemd5", "The MD5 digest of a file in hexadecimal.", |it, env| {
        hex::<Md5>(&content(it, env)?)
    }),
    of_file("filesha1", "The SHA-1 digest of a file in hexadecimal.", |it, env| {
        hex::<Sha1>(&content(it, env)?)
    }),
    of_file("filesha256", "The SHA-256 digest of a file in hexadecimal.", |it, env| {
        hex::<Sha256>(&content(it, env)?)
    }),
    of_file("filesha512", "The SHA-512 digest of a file in hexadecimal.", |it, env| {
        hex::<Sha512>(&content(it, env)?)
    }),
    Function::new(
        "bcrypt",
        "A salted digest of a password, different at each call; unknown while planning.",
        &[text("text")],
        Text,
        FunctionBody::Outside(bcrypt),
    )
    .many(&const { number("cost") }),
    of_string("md5", "The MD5 digest of the string in hexadecimal.", |it| {
        hex::<Md5>(string_argument(it, 0).as_bytes())
    }),
    Function::new(
        "rsadecrypt",
        "The string that was encrypted with the public key of this private RSA key.",
        &[text("ciphertext"), text("key")],
        Text,
        FunctionBody::Plain(rsadecrypt),
    ),
    of_string("sha1", "The SHA-1 digest of the string in hexadecimal.", |it| {
        hex::<Sha1>(string_argument(it, 0).as_bytes())
    }),
    of_string("sha256", "The SHA-256 digest of the string in hexadecimal.", |it| {
        hex::<Sha256>(string_argument(it, 0).as_bytes())
    }),
    of_string("sha512", "The SHA-512 digest of the string in hexadecimal.", |it| {
        hex::<Sha512>(string_argument(it, 0).as_bytes())
    }),
    Function::new(
        "uuid",
        "A random unique identifier (UUID version 4); unknown while planning.",
        &[],
        Text,
        FunctionBody::Outside(uuid),
    ),
    Function::new(
        "uuidv5",
        "The identifier (UUID version 5) of a name in a namespace: dns, url, oid, x500 or an \
            identifier.",
        &[text("namespace"), text("name")],
        Text,
        FunctionBody::Plain(uuidv5),
    ),
];

fn bcrypt(arguments: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    let cost = match arguments.len() {
        1 => 10,
        2 => integer_of(arguments, 1)?,
        _ => return Err(FunctionError::new("one or two arguments are required")),
    };
    // Each step of the cost doubles the time; a cost of 20 takes about a minute.
    let cost = u32::try_from(cost).ok().filter(|it| (4..=20).contains(it));
    let cost = cost.ok_or_else(|| FunctionError::argument(1, "it must be from 4 to 20"))?;
    // The salt is random, so a digest made while planning would differ from that of apply. There is
    // no clock while planning, which marks that phase.
    if environment.now.is_none() {
        return Ok(Value::unknown(ha_value::Type::String, None));
    }
    let digest = bcrypt::hash(string_argument(arguments, 0), cost);
    digest
        .map(Value::from)
        .map_err(|error| FunctionError::argument(0, format!("it cannot be hashed: {error}")))
}

fn rsadecrypt(arguments: &[Value]) -> FunctionResult {
    let ciphertext = STANDARD.decode(string_argument(arguments, 0));
    let ciphertext = ciphertext
        .map_err(|error| FunctionError::argument(0, format!("this is not base64: {error}")))?;
    let text = super::rsa::decrypted(&ciphertext, string_argument(arguments, 1))
        .map_err(FunctionError::new)?;
    // The plain text was encrypted because it is secret, so the result is sensitive.
    Ok(Value::from(text).sensitive())
}

fn uuid(_: &[Value], environment: &EvaluationContext<'_>) -> FunctionResult {
    Ok(match environment.now {
        Some(_) => Value::from(Uuid::new_v4().to_string()),
        None => Value::unknown(ha_value::Type::String, None),
    })
}

fn uuidv5(arguments: &[Value]) -> FunctionResult {
    let namespace = match string_argument(arguments, 0) {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => other.parse().map_err(|_| {
            FunctionError::argument(0, "it must be dns, url, oid, x500 or an identifier")
        })?,
    };
    Ok(Value::from(Uuid::new_v5(&namespace, string_argument(arguments, 1).as_bytes()).to_string()))
}

fn content(
    arguments: &[Value],
    environment: &EvaluationContext<'_>,
) -> Result<std::sync::Arc<[u8]>, FunctionError> {
    super::file::content(string_argument(arguments, 0), environment)
}

#[expect(clippy::unnecessary_wraps, reason = "it is the last expression of fallible functions")]
fn base64<D: Digest>(bytes: &[u8]) -> FunctionResult {
    Ok(Value::from(STANDARD.encode(D::digest(bytes))))
}

#[expect(clippy::unnecessary_wraps, reason = "it is the last expression of fallible functions")]
fn hex<D: Digest>(bytes: &[u8]) -> FunctionResult {
    let digits =
        |it: &u8| [it >> 4, it & 15].map(|it| char::from(b"0123456789abcdef"[usize::from(it)]));
    Ok(Value::from(D::digest(bytes).iter().flat_map(digits).collect::<String>()))
}
