//! What a failed call to a mongod means, for the person who has to fix it.

use ha_provider::{CallOutcome, Error};
use mongodb::error::ErrorKind;

/// The failure of `attempted` at `endpoint`, with its likely cause and cure.
pub(crate) fn failed(
    attempted: impl Into<String>,
    endpoint: &str,
    error: &mongodb::error::Error,
) -> Error {
    if let Some(refused) = error.get_custom::<Error>() {
        // The command was not permitted.
        return Error {
            attempted: attempted.into(),
            causes: vec![refused.to_string()],
            ..refused.clone()
        };
    }
    let cause = cause(error);
    let mut failure = Error::new(attempted, format!("{endpoint}: {cause}"));
    match &*error.kind {
        ErrorKind::Command(it) => {
            failure = failure.code(match it.code_name.is_empty() {
                true => it.code.to_string(),
                false => it.code_name.clone(),
            });
            if [13, 18, 11].contains(&it.code) {
                failure = failure.help(NOT_A_MEMBER);
            }
        }
        ErrorKind::Authentication { .. } => failure = failure.help(NOT_A_MEMBER),
        _ => {}
    }
    match mended_by(&cause, endpoint) {
        Some(help) => failure.help(help).outcome(CallOutcome::Refused),
        None => failure,
    }
}

const NOT_A_MEMBER: &str = "the authority's `organization`, `organizational_unit` and `domain_component` must be exactly those of the members' \
     certificates, and mongod must run with `security.clusterAuthMode: x509`";

/// The innermost reason. The driver wraps it in what it knows of the whole topology.
pub(crate) fn cause(error: &mongodb::error::Error) -> String {
    match &*error.kind {
        ErrorKind::Command(it) => it.message.clone(),
        ErrorKind::ServerSelection { message, .. } => match message.find("Error: ") {
            Some(at) => {
                let inner = message[at + "Error: ".len()..].trim_start_matches("Kind: ");
                let end = inner.find(", labels:").unwrap_or(inner.len());
                inner[..end].trim_end_matches([' ', '}', ']']).to_owned()
            }
            None => "no answer".to_owned(),
        },
        other => other.to_string(),
    }
}

/// The cure for what a connection or a quorum check died of.
pub(crate) fn mended_by(cause: &str, endpoint: &str) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|it| cause.contains(it));
    let help = if says(&["Connection refused", "connection refused"]) {
        "nothing listens there: mongod is down, or its `net.bindIp` lacks this address"
    } else if says(&[
        "timed out",
        "No route to host",
        "NetworkInterfaceExceededTimeLimit",
        "unreachable",
        "no answer",
    ]) {
        "packets do not arrive: look at security groups, routes and firewalls between the two"
    } else if says(&[
        "failed to lookup",
        "Name or service not known",
        "HostNotFound",
        "Could not find address",
        "resolve",
    ]) {
        "the name does not resolve: add it to DNS, and look it up from the machine that reported this"
    } else if says(&["Expired", "expired", "NotValidYet"]) {
        "a certificate is out of its time: renew it, and compare the machines' clocks"
    } else if says(&["NotValidForName", "not valid for name", "does not match"]) {
        "the member's certificate lacks this name: add it to the certificate's alternative names"
    } else if says(&[
        "UnknownIssuer",
        "unable to get local issuer",
        "self-signed",
        "self signed",
        "certificate verify failed",
        "BadSignature",
        "SSL peer certificate validation failed",
    ]) {
        "the certificate was signed by another authority than the one given here: compare `ca_certificate_pem` and the authority of the certificate"
    } else if says(&["requires authentication", "Authentication failed", "not authorized"]) {
        NOT_A_MEMBER
    } else if says(&[
        "HandshakeFailure",
        "unexpected EOF",
        "UnexpectedEof",
        "InvalidContentType",
        "corrupt message",
    ]) {
        "what answers there does not speak TLS as mongod does: another program has the port, or mongod runs without TLS"
    } else {
        return None;
    };
    Some(format!("{endpoint}: {help}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_has_its_own_cure() {
        let causes = [
            ("I/O error: Connection refused (os error 111)", "bindIp"),
            (
                "a:1 failed with Error connecting to a:1 :: caused by :: No route to host",
                "security groups",
            ),
            ("Could not find address for a:1: SocketException: Host not found", "DNS"),
            ("I/O error: invalid peer certificate: Expired", "clocks"),
            ("I/O error: invalid peer certificate: NotValidForName", "alternative names"),
            ("I/O error: invalid peer certificate: UnknownIssuer", "another authority"),
            ("a:1 failed with command replSetHeartbeat requires authentication", "organization"),
        ];
        for (cause, cure) in causes {
            assert!(mended_by(cause, "a:1").unwrap().contains(cure), "{cause}");
        }
        assert_eq!(mended_by("something else", "a:1"), None);
    }
}
