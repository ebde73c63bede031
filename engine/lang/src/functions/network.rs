//! Networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ha_value::{Number, Value};
use num_bigint::BigInt;

use super::{
    Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind, number,
    str_of, text, whole_of,
};
use ParameterKind::Text;

const NEWBITS: Parameter = number("newbits");

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "cidrhost",
        "The address of a host in a network; negative numbers count from its end.",
        &[text("prefix"), number("number")],
        Text,
        FunctionBody::Plain(cidrhost),
    ),
    Function::new(
        "cidrnetmask",
        "The mask of an IPv4 network.",
        &[text("prefix")],
        Text,
        FunctionBody::Plain(cidrnetmask),
    ),
    Function::new(
        "cidrsubnet",
        "A part of a network: so many bits longer, of this number.",
        &[text("prefix"), number("newbits"), number("number")],
        Text,
        FunctionBody::Plain(cidrsubnet),
    ),
    Function::new(
        "cidrsubnets",
        "Parts of a network one after the other, each so many bits longer.",
        &[text("prefix")],
        ParameterKind::List(&Text),
        FunctionBody::Plain(cidrsubnets),
    )
    .many(&NEWBITS),
];

/// A network: its lowest address, and how many bits of it are fixed.
#[derive(Clone, Copy)]
struct IpNetwork {
    lowest: u128,
    fixed: u32,
    bits: u32,
}

impl IpNetwork {
    fn parse(text: &str) -> Result<Self, FunctionError> {
        let wrong = || {
            FunctionError::argument(
                0,
                format!("\"{text}\" is no network; write it as address and length: 10.0.0.0/16"),
            )
        };
        let (address, fixed) = text.split_once('/').ok_or_else(wrong)?;
        let fixed: u32 = Some(fixed)
            .filter(|it| it.bytes().all(|it| it.is_ascii_digit()))
            .and_then(|it| it.parse().ok())
            .ok_or_else(wrong)?;
        let (address, bits) = match address.contains(':') {
            true => (address.parse::<Ipv6Addr>().map_err(|_| wrong())?.to_bits(), 128),
            false => (u128::from(v4(address).ok_or_else(wrong)?.to_bits()), 32),
        };
        if fixed > bits {
            return Err(wrong());
        }
        let network = Self { lowest: 0, fixed, bits };
        Ok(Self { lowest: address & !network.free_mask(), ..network })
    }

    /// The bits that hosts differ in.
    fn free_mask(self) -> u128 {
        match self.bits - self.fixed {
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

    fn shown(self) -> String {
        format!("{}/{}", written(self.address(self.lowest)), self.fixed)
    }

    /// The network longer by some bits.
    fn longer(self, more: i64) -> Option<Self> {
        let fixed = i64::from(self.fixed).checked_add(more)?;
        let fixed = u32::try_from(fixed).ok().filter(|it| *it <= self.bits)?;
        Some(Self { fixed, ..self })
    }
}

/// Addresses with leading zeros are decimal, as they always were here.
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

/// Never in the mixed form that looks like an IPv4 address.
fn written(address: IpAddr) -> String {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            let [.., high, low] = v6.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        address => address.to_string(),
    }
}

/// A whole number of any size.
fn integer(arguments: &[Value], index: usize) -> Result<BigInt, FunctionError> {
    match arguments.get(index) {
        Some(Value::Number(number)) => Number::as_integer(number).ok_or_else(|| {
            FunctionError::argument(index, format!("a whole number is required, not {number}"))
        }),
        _ => Err(FunctionError::argument(index, "a whole number is required")),
    }
}

fn cidrhost(arguments: &[Value]) -> FunctionResult {
    let network = IpNetwork::parse(str_of(arguments, 0))?;
    let number = integer(arguments, 1)?;
    let count = BigInt::from(1) << (network.bits - network.fixed);
    let from_start = if number < BigInt::ZERO { &number + &count } else { number.clone() };
    if from_start < BigInt::ZERO || from_start >= count {
        let message = format!("{number} is no host of a network with {count} addresses");
        return Err(FunctionError::argument(1, message));
    }
    let host =
        u128::try_from(from_start).map_err(|_| FunctionError::argument(1, "it is out of range"))?;
    Ok(Value::from(written(network.address(network.lowest | host))))
}

fn cidrnetmask(arguments: &[Value]) -> FunctionResult {
    let network = IpNetwork::parse(str_of(arguments, 0))?;
    if network.bits != 32 {
        return Err(FunctionError::argument(0, "networks of IPv6 have no mask"));
    }
    Ok(Value::from(network.address(!network.free_mask()).to_string()))
}

fn cidrsubnet(arguments: &[Value]) -> FunctionResult {
    let network = IpNetwork::parse(str_of(arguments, 0))?;
    let more = whole_of(arguments, 1)?;
    let number = integer(arguments, 2)?;
    let room = network.bits - network.fixed;
    let Some(part) = network.longer(more).filter(|_| more >= 0) else {
        return Err(FunctionError::argument(
            1,
            format!("a prefix of {} bits has room for 0 to {room} more, not {more}", network.fixed),
        ));
    };
    if number < BigInt::ZERO || number >= BigInt::from(1) << (part.fixed - network.fixed) {
        let most = (BigInt::from(1) << (part.fixed - network.fixed)) - 1;
        return Err(FunctionError::argument(
            2,
            format!("{more} more bits have numbers from 0 to {most}, not {number}"),
        ));
    }
    let number =
        u128::try_from(number).map_err(|_| FunctionError::argument(2, "it is out of range"))?;
    let shifted = number.checked_shl(part.bits - part.fixed).unwrap_or(0);
    Ok(Value::from(IpNetwork { lowest: network.lowest | shifted, ..part }.shown()))
}

fn cidrsubnets(arguments: &[Value]) -> FunctionResult {
    let network = IpNetwork::parse(str_of(arguments, 0))?;
    let mut next = Some(network.lowest);
    let mut parts = Vec::new();
    for index in 1..arguments.len() {
        let more = whole_of(arguments, index)?;
        if more < 1 {
            return Err(FunctionError::argument(
                index,
                "each part must be longer by at least one bit",
            ));
        }
        let Some(part) = network.longer(more) else {
            let message = format!(
                "a prefix of {} bits has room for {} more, not {more}",
                network.fixed,
                network.bits - network.fixed
            );
            return Err(FunctionError::argument(index, message));
        };
        let mask = part.free_mask();
        // Each part begins at a multiple of its own size.
        let lowest = next.and_then(|it| it.checked_add(mask)).map(|it| it & !mask);
        let inside = lowest.filter(|it| it & !network.free_mask() == network.lowest);
        let Some(lowest) = inside else {
            return Err(FunctionError::argument(
                index,
                format!("there is no room left for a part with a prefix of {} bits", part.fixed),
            ));
        };
        parts.push(Value::from(IpNetwork { lowest, ..part }.shown()));
        next = lowest.checked_add(mask).and_then(|it| it.checked_add(1));
    }
    Ok(Value::list(parts))
}
