//! The name in a certificate. rcgen keeps one attribute of each type, and mongod compares all organizational units and
//! domain components that there are: a certificate gets its whole name after rcgen has made the rest of it.

use rcgen::{Error, KeyPair, SigningKey};
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Error, DERWriter, construct_der, parse_der};

/// A part of a name by which members know each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamePart {
    /// `O`.
    Organization,
    /// `OU`.
    OrganizationalUnit,
    /// `DC`.
    DomainComponent,
}

const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
const ORGANIZATIONAL_UNIT: &[u64] = &[2, 5, 4, 11];
const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
/// RFC 4519.
const DOMAIN_COMPONENT: &[u64] = &[0, 9, 2342, 19_200_300, 100, 1, 25];
/// RFC 5280, 4.1: version, serial number, signature, issuer, validity, subject.
const PLACE_OF_SUBJECT: usize = 5;

/// The certificate with these parts and this common name for a subject, signed anew.
pub(crate) fn with_subject(
    certificate: &[u8],
    parts: &[(NamePart, &str)],
    common_name: &str,
    authority: &KeyPair,
) -> Result<Vec<u8>, Error> {
    let whole = elements(certificate).map_err(unreadable)?;
    let [to_be_signed, algorithm, _] = whole.as_slice() else { return Err(Error::CouldNotParseCertificate) };
    let mut fields = elements(to_be_signed).map_err(unreadable)?;
    let subject = fields.get_mut(PLACE_OF_SUBJECT).ok_or(Error::CouldNotParseCertificate)?;
    *subject = name(parts, common_name);
    let to_be_signed = sequence(&fields);
    let signature = authority.sign(&to_be_signed)?;
    let signature = construct_der(|writer| writer.write_bitvec_bytes(&signature, signature.len() * 8));
    Ok(sequence(&[to_be_signed, algorithm.clone(), signature]))
}

fn unreadable(_: ASN1Error) -> Error {
    Error::CouldNotParseCertificate
}

fn elements(sequence: &[u8]) -> Result<Vec<Vec<u8>>, ASN1Error> {
    parse_der(sequence, |reader| {
        reader.read_sequence(|reader| {
            let mut all = Vec::new();
            while let Some(element) = reader.read_optional(|it| it.read_der())? {
                all.push(element);
            }
            Ok(all)
        })
    })
}

fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            for element in elements {
                writer.next().write_der(element);
            }
        });
    })
}

fn name(parts: &[(NamePart, &str)], common_name: &str) -> Vec<u8> {
    let attribute = |oid: &[u64], write: &dyn Fn(DERWriter<'_>)| {
        construct_der(|writer| {
            writer.write_set(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(oid));
                    write(writer.next());
                });
            });
        })
    };
    let written = |(part, text): &(NamePart, &str)| match part {
        NamePart::Organization => attribute(ORGANIZATION, &|it| it.write_utf8_string(text)),
        NamePart::OrganizationalUnit => attribute(ORGANIZATIONAL_UNIT, &|it| it.write_utf8_string(text)),
        // RFC 4519 has it in ASCII.
        NamePart::DomainComponent if text.is_ascii() => attribute(DOMAIN_COMPONENT, &|it| it.write_ia5_string(text)),
        NamePart::DomainComponent => attribute(DOMAIN_COMPONENT, &|it| it.write_utf8_string(text)),
    };
    let mut all: Vec<Vec<u8>> = parts.iter().map(written).collect();
    all.push(attribute(COMMON_NAME, &|it| it.write_utf8_string(common_name)));
    sequence(&all)
}

/// The certificate as text.
pub(crate) fn pem(certificate: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|it| std::str::from_utf8(it).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
