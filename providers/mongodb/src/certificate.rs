//! What a certificate says, as far as it decides whether members and clients will take it.

use std::net::IpAddr;

use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_DOMAIN_COMPONENT, OID_X509_ORGANIZATION_NAME, OID_X509_ORGANIZATIONAL_UNIT, Oid,
};
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;

/// What keeps the certificate in `pem` from serving a member that is known as `host`; empty when
/// nothing does.
pub(crate) fn unfit_for(host: &str, pem: &str) -> Vec<String> {
    let blocks: Vec<Pem> = Pem::iter_from_buffer(pem.as_bytes()).filter_map(Result::ok).collect();
    let mut problems = Vec::new();
    if !blocks.iter().any(|it| it.label.ends_with("PRIVATE KEY")) {
        problems.push(
            "there is no private key in it; mongod reads key and certificate from one file"
                .to_owned(),
        );
    }
    let Some(block) = blocks.iter().find(|it| it.label == "CERTIFICATE") else {
        problems.push("there is no certificate in it".to_owned());
        return problems;
    };
    let Ok(certificate) = block.parse_x509() else {
        problems.push("its certificate cannot be read".to_owned());
        return problems;
    };
    let subject = certificate.subject();
    let belongs = subject
        .iter_organization()
        .chain(subject.iter_organizational_unit())
        .chain(subject.iter_by_oid(&OID_DOMAIN_COMPONENT));
    if belongs.count() == 0 {
        problems.push(
            "its subject has no organization, organizational unit or domain component, so the members would not recognise each other"
                .to_owned(),
        );
    }
    let (mut names, mut usages) = (Vec::new(), None);
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(it) => names.extend(it.general_names.iter()),
            ParsedExtension::ExtendedKeyUsage(it) => {
                usages = Some((it.any || it.server_auth, it.any || it.client_auth))
            }
            _ => {}
        }
    }
    if !names.iter().any(|name| covers(name, host)) {
        let named: Vec<String> = names.iter().map(|it| shown(it)).collect();
        problems.push(match named.is_empty() {
            true => format!(
                "it has no alternative names, so no client would believe that it is `{host}`"
            ),
            false => format!("it is for {}, not for `{host}`", named.join(", ")),
        });
    }
    if let Some((server, client)) = usages
        && !(server && client)
    {
        problems.push("its extended key usage must allow both server and client authentication: members are both".to_owned());
    }
    problems
}

/// Why members that believe `authority` would not believe the certificate in `pem`, when they would
/// not. Chains with authorities in between are left to mongod.
pub(crate) fn not_signed_by(authority: &str, pem: &str) -> Option<String> {
    let certificates = |text: &str| -> Vec<Pem> {
        Pem::iter_from_buffer(text.as_bytes())
            .filter_map(Result::ok)
            .filter(|it| it.label == "CERTIFICATE")
            .collect()
    };
    let (authorities, own) = (certificates(authority), certificates(pem));
    if authorities.is_empty() {
        return Some(
            "there is no certificate in `ca_certificate_pem` to hold it against".to_owned(),
        );
    }
    let [leaf] = own.as_slice() else { return None };
    let leaf = leaf.parse_x509().ok()?;
    let signed = authorities.iter().filter_map(|it| it.parse_x509().ok()).any(|authority| {
        authority.subject() == leaf.issuer()
            && leaf.verify_signature(Some(authority.public_key())).is_ok()
    });
    (!signed).then(|| {
        format!(
            "it was signed by `{}`, not by the authority in `ca_certificate_pem`",
            leaf.issuer()
        )
    })
}

/// What members of a set must have in common in their names, in one order.
pub(crate) fn membership(pem: &str) -> Vec<String> {
    let of_first = |certificate: &X509Certificate<'_>| {
        let subject = certificate.subject();
        let attributes = subject.iter_attributes().filter(|it| MEMBERSHIP.contains(it.attr_type()));
        let mut all: Vec<String> = attributes
            .map(|it| format!("{}={}", it.attr_type(), it.as_str().unwrap_or_default()))
            .collect();
        all.sort_unstable();
        all
    };
    first_certificate(pem, of_first).unwrap_or_default()
}

const MEMBERSHIP: [Oid<'static>; 3] =
    [OID_X509_ORGANIZATION_NAME, OID_X509_ORGANIZATIONAL_UNIT, OID_DOMAIN_COMPONENT];

/// Until when the certificate is valid, in seconds since 1970.
pub(crate) fn expiry(pem: &str) -> Option<i64> {
    first_certificate(pem, |it| it.validity().not_after.timestamp())
}

fn first_certificate<T>(pem: &str, look: impl Fn(&X509Certificate<'_>) -> T) -> Option<T> {
    let blocks = Pem::iter_from_buffer(pem.as_bytes()).filter_map(Result::ok);
    let block = { blocks }.find(|it| it.label == "CERTIFICATE")?;
    block.parse_x509().ok().map(|it| look(&it))
}

fn covers(name: &GeneralName<'_>, host: &str) -> bool {
    match name {
        GeneralName::DNSName(name) => match name.strip_prefix("*.") {
            Some(domain) => {
                host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain))
            }
            None => name.eq_ignore_ascii_case(host),
        },
        GeneralName::IPAddress(_) => address(name).is_some_and(|it| {
            host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|host| host == it)
        }),
        _ => false,
    }
}

fn address(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else { return None };
    match bytes.len() {
        4 => <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn shown(name: &GeneralName<'_>) -> String {
    match (name, address(name)) {
        (GeneralName::DNSName(name), _) => format!("`{name}`"),
        (_, Some(address)) => format!("`{address}`"),
        _ => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};

    use super::*;

    fn bundle(
        names: &[&str],
        organization: Option<&str>,
        usages: &[ExtendedKeyUsagePurpose],
    ) -> String {
        let mut params =
            CertificateParams::new(names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
                .unwrap();
        if let Some(organization) = organization {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.extended_key_usages = usages.to_vec();
        let key = KeyPair::generate().unwrap();
        format!("{}{}", key.serialize_pem(), params.self_signed(&key).unwrap().pem())
    }

    const BOTH: &[ExtendedKeyUsagePurpose] =
        &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];

    #[test]
    fn a_members_certificate_covers_its_host() {
        let pem = bundle(&["127.0.0.11", "*.db.example.com"], Some("Example"), BOTH);
        assert_eq!(unfit_for("127.0.0.11", &pem), Vec::<String>::new());
        assert_eq!(unfit_for("a.db.example.com", &pem), Vec::<String>::new());
        assert_eq!(
            unfit_for("127.0.0.12", &pem),
            ["it is for `127.0.0.11`, `*.db.example.com`, not for `127.0.0.12`"]
        );
        assert_eq!(unfit_for("a.b.db.example.com", &pem).len(), 1);
    }

    #[test]
    fn a_certificate_of_another_authority_is_told_from_one_of_this() {
        let (ours, theirs) =
            (bundle(&["a"], Some("Example"), BOTH), bundle(&["a"], Some("Example"), BOTH));
        assert_eq!(not_signed_by(&ours, &ours), None);
        assert_eq!(not_signed_by(&format!("{theirs}{ours}"), &ours), None);
        assert!(not_signed_by(&theirs, &ours).unwrap().contains("O=Example"));
        assert!(not_signed_by("", &ours).is_some());
    }

    #[test]
    fn everything_that_is_wrong_with_it_is_said() {
        let pem = bundle(&["a"], None, &[ExtendedKeyUsagePurpose::ServerAuth]);
        let without_key = &pem[pem.find("-----BEGIN CERTIFICATE").unwrap()..];
        assert_eq!(unfit_for("b", without_key).len(), 4);
        assert_eq!(unfit_for("b", "").len(), 2);
    }
}
