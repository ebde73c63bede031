//! The names in a certificate. rcgen supports one attribute of each type, but mongod compares all
//! organizational units and domain components. So rcgen generates a certificate, its names are
//! replaced by complete ones, and it is signed again.

use rcgen::{Error, KeyPair, SigningKey};
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Error, DERWriter, construct_der, parse_der};

/// An attribute of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePart {
    /// `C`.
    Country,
    /// `ST`.
    Province,
    /// `L`.
    Locality,
    /// `DC`.
    DomainComponent,
    /// `O`.
    Organization,
    /// `OU`.
    OrganizationalUnit,
    /// `CN`.
    CommonName,
}

impl NamePart {
    /// Its object identifier: RFC 4519 defines that of a domain component, X.520 the others.
    fn oid(self) -> &'static [u64] {
        match self {
            Self::Country => &[2, 5, 4, 6],
            Self::Province => &[2, 5, 4, 8],
            Self::Locality => &[2, 5, 4, 7],
            Self::DomainComponent => &[0, 9, 2342, 19_200_300, 100, 1, 25],
            Self::Organization => &[2, 5, 4, 10],
            Self::OrganizationalUnit => &[2, 5, 4, 11],
            Self::CommonName => &[2, 5, 4, 3],
        }
    }

    fn write(self, text: &str, writer: DERWriter<'_>) {
        match self {
            Self::Country if text.is_ascii() => writer.write_printable_string(text),
            // The standard has it in ASCII.
            Self::DomainComponent if text.is_ascii() => writer.write_ia5_string(text),
            _ => writer.write_utf8_string(text),
        }
    }
}

/// RFC 5280, 4.1: version, serial number, signature, issuer, validity, subject.
const PLACE_OF_ISSUER: usize = 3;
const PLACE_OF_SUBJECT: usize = 5;

/// The certificate with these names of its issuer and its subject, signed again.
///
/// # Errors
/// When the certificate is none, or the key cannot sign.
pub fn with_names(
    certificate: &[u8],
    issuer: &[u8],
    subject: &[u8],
    authority: &KeyPair,
) -> Result<Vec<u8>, Error> {
    let whole = elements(certificate).map_err(unreadable)?;
    let [to_be_signed, algorithm, _] = whole.as_slice() else {
        return Err(Error::CouldNotParseCertificate);
    };
    let mut fields = elements(to_be_signed).map_err(unreadable)?;
    for (place, name) in [(PLACE_OF_ISSUER, issuer), (PLACE_OF_SUBJECT, subject)] {
        *fields.get_mut(place).ok_or(Error::CouldNotParseCertificate)? = name.to_vec();
    }
    // The names are part of what is signed, so the authority signs again.
    let to_be_signed = sequence(&fields);
    let signature = authority.sign(&to_be_signed)?;
    let signature =
        construct_der(|writer| writer.write_bitvec_bytes(&signature, signature.len() * 8));
    Ok(sequence(&[to_be_signed, algorithm.clone(), signature]))
}

/// The name of a certificate's subject, as it is written there.
///
/// # Errors
/// When the certificate is none.
pub fn subject_of(certificate: &[u8]) -> Result<Vec<u8>, Error> {
    let whole = elements(certificate).map_err(unreadable)?;
    let fields =
        elements(whole.first().ok_or(Error::CouldNotParseCertificate)?).map_err(unreadable)?;
    fields.into_iter().nth(PLACE_OF_SUBJECT).ok_or(Error::CouldNotParseCertificate)
}

fn unreadable(_: ASN1Error) -> Error {
    Error::CouldNotParseCertificate
}

// The elements stay in DER, because only the names change and every other byte must stay the same.
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

/// A name of these attributes, in this order.
#[must_use]
pub fn name(parts: &[(NamePart, &str)]) -> Vec<u8> {
    let attribute = |(part, text): &(NamePart, &str)| {
        construct_der(|writer| {
            writer.write_set(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(part.oid()));
                    part.write(text, writer.next());
                });
            });
        })
    };
    sequence(&parts.iter().map(attribute).collect::<Vec<_>>())
}

/// The certificate as text.
#[must_use]
pub fn pem(certificate: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|it| std::str::from_utf8(it).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
