//! Functions of IP networks in CIDR notation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ha_value::{Number, Value};
use num_bigint::BigInt;

use super::{
    Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind, integer_of,
    number, string_argument, text,
};
use ParameterKind::Text;

const NEWBITS: Parameter = number("newbits");

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "cidrhost",
        "The address of a host in a network; a negative number counts from the end.",
        &[text("prefix"), number("number")],
        Text,
        FunctionBody::Plain(cidrhost),
    ),
    Function::new(
        "cidrnetmask",
        "The netmask of an IPv4 network.",
        &[text("prefix")],
        Text,
        FunctionBody::Plain(cidrnetmask),
    ),
    Function::new(
        "cidrsubnet",
        "The subnet with a number, whose prefix is longer by `newbits`.",
        &[text("prefix"), number("newbits"), number("number")],
        Text,
        FunctionBody::Plain(cidrsubnet),
    ),
    Function::new(
        "cidrsubnets",
        "Consecutive subnets, each with a prefix longer by one of `newbits`.",
        &[text("prefix")],
        ParameterKind::List(&Text),
        FunctionBody::Plain(cidrsubnets),
    )
    .many(&NEWBITS),
];

/// An IP network.
#[derive(Clone, Copy)]
struct IpNetwork {
    /// The lowest address; an IPv4 address is in the low 32 bits.
    lowest: u128,
    /// The length of the prefix, in bits.
    prefix_length: u32,
    /// The length of an address, in bits: 32 or 128.
    bits: u32,
}

impl IpNetwork {
    fn parse(text: &str) -> Result<Self, FunctionError> {
        let wrong = || {
            FunctionError::argument(
                0,
                format!(
                    "\"{text}\" is not a network; write it as address and prefix length: \
                        10.0.0.0/16"
                ),
            )
        };
        let (address, prefix_length) = text.split_once('/').ok_or_else(wrong)?;
        let prefix_length: u32 = Some(prefix_length)
            .filter(|it| it.bytes().all(|it| it.is_ascii_digit()))
            .and_then(|it| it.parse().ok())
            .ok_or_else(wrong)?;
        let (address, bits) = match address.contains(':') {
            true => (address.parse::<Ipv6Addr>().map_err(|_| wrong())?.to_bits(), 128),
            false => (u128::from(v4(address).ok_or_else(wrong)?.to_bits()), 32),
        };
        if prefix_length > bits {
            return Err(wrong());
        }
        let network = Self { lowest: 0, prefix_length, bits };
        // Host bits in the argument are allowed and dropped: `10.0.0.1/8` is the network
        // `10.0.0.0/8`.
        Ok(Self { lowest: address & !network.free_mask(), ..network })
    }

    /// The bits of the host part.
    fn free_mask(self) -> u128 {
        match self.bits - self.prefix_length {
            128 => u128::MAX,
            free => (1 << free) - 1,
        }
    }

    fn address(self, bits: u128) -> IpAddr {
        match self.bits {
            32 => IpAddr::V4(Ipv4Addr::from_bits(
                u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(u32::MAX),
            )),
            _ => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        }
    }

    /// The network in CIDR notation.
    fn cidr(self) -> String {
        format!("{}/{}", display(self.address(self.lowest)), self.prefix_length)
    }

    /// The network with a longer prefix; `None` where it does not fit into an address.
    fn longer(self, more: i64) -> Option<Self> {
        let prefix_length = i64::from(self.prefix_length).checked_add(more)?;
        let prefix_length = u32::try_from(prefix_length).ok().filter(|it| *it <= self.bits)?;
        Some(Self { prefix_length, ..self })
    }
}

/// Parses an IPv4 address. Terraform still uses the parser of old Go versions, which reads an octet
/// with leading zeros as decimal; Rust's parser rejects it.
fn v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        *octet = part
            .trim_start_matches('0')
            .parse()
            .or_else(|error| if part.bytes().all(|it| it == b'0') { Ok(0) } else { Err(error) })
            .ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// An address as Go writes it: an IPv4-mapped IPv6 address in hexadecimal, not in the mixed
/// notation that Rust uses.
fn display(address: IpAddr) -> String {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            let [.., high, low] = v6.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        address => address.to_string(),
    }
}

/// An integer of any size: host numbers of IPv6 networks exceed 64 bits.
fn integer(arguments: &[Value], index: usize) -> Result<BigInt, FunctionError> {
    match arguments.get(index) {
        Some(Value::Number(number)) => Number::as_integer(number).ok_or_else(|| {
            FunctionError::argument(index, format!("a whole number is required, not {number}"))
        }),
        _ => Err(FunctionError::argument(index, "a whole number is required")),
    }
}

fn cidrhost(arguments: &[Value]) -> FunctionResult {
    let network = IpNetwork::parse(string_argument(arguments, 0))?;
    let number = integer(arguments, 1)?;
    let count = BigInt::from(1) << (network.bits - network.prefix_length);
    // -1 is the last address, as in Terraform.
    let from_start = if number < BigInt::ZERO { &number + &count } else { number.clone() };
    if from_start < BigInt::ZERO || from_start >= count {
        let message = format!("{number} is not a host of a network with {count} addresses");
        return Err(FunctionError::argument(1, message));
    }
    let host =
        u128::try_from(from_start).map_err(|_| FunctionError::argument(1, "it is out of range"))?;
    Ok(Value::from(display(network.address(network.lowest | host))))
}

fn cidrnetmask(arguments: &[Value]) -> FunctionResult {
    let network = IpNetwork::parse(string_argument(arguments, 0))?;
    if network.bits != 32 {
        return Err(FunctionError::argument(0, "an IPv6 network has no netmask"));
    }
    Ok(Value::from(network.address(!network.free_mask()).to_string()))
}

fn cidrsubnet(arguments: &[Value]) -> FunctionResult {
    let network = IpNetwork::parse(string_argument(arguments, 0))?;
    let more = integer_of(arguments, 1)?;
    let number = integer(arguments, 2)?;
    let room = network.bits - network.prefix_length;
    let Some(part) = network.longer(more).filter(|_| more >= 0) else {
        return Err(FunctionError::argument(
            1,
            format!(
                "a prefix of {} bits has room for 0 to {room} more, not {more}",
                network.prefix_length
            ),
        ));
    };
    if number < BigInt::ZERO
        || number >= BigInt::from(1) << (part.prefix_length - network.prefix_length)
    {
        let most = (BigInt::from(1) << (part.prefix_length - network.prefix_length)) - 1;
        return Err(FunctionError::argument(
            2,
            format!("{more} more bits have numbers from 0 to {most}, not {number}"),
        ));
    }
    let number =
        u128::try_from(number).map_err(|_| FunctionError::argument(2, "it is out of range"))?;
    // A shift by all 128 bits is possible for `::/0` with no new bits; the number is 0 then.
    let shifted = number.checked_shl(part.bits - part.prefix_length).unwrap_or(0);
    Ok(Value::from(IpNetwork { lowest: network.lowest | shifted, ..part }.cidr()))
}

fn cidrsubnets(arguments: &[Value]) -> FunctionResult {
    let network = IpNetwork::parse(string_argument(arguments, 0))?;
    let mut next = Some(network.lowest);
    let mut parts = Vec::new();
    for index in 1..arguments.len() {
        let more = integer_of(arguments, index)?;
        if more < 1 {
            return Err(FunctionError::argument(
                index,
                "each part must be longer by at least one bit",
            ));
        }
        let Some(part) = network.longer(more) else {
            let message = format!(
                "a prefix of {} bits has room for {} more, not {more}",
                network.prefix_length,
                network.bits - network.prefix_length
            );
            return Err(FunctionError::argument(index, message));
        };
        let mask = part.free_mask();
        // A subnet must begin at a multiple of its own size, so the next free address is rounded
        // up.
        let lowest = next.and_then(|it| it.checked_add(mask)).map(|it| it & !mask);
        let inside = lowest.filter(|it| it & !network.free_mask() == network.lowest);
        let Some(lowest) = inside else {
            return Err(FunctionError::argument(
                index,
                format!(
                    "there is no room left for a part with a prefix of {} bits",
                    part.prefix_length
                ),
            ));
        };
        parts.push(Value::from(IpNetwork { lowest, ..part }.cidr()));
        next = lowest.checked_add(mask).and_then(|it| it.checked_add(1));
    }
    Ok(Value::list(parts))
}
