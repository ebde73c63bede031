//! Names under which only one machine, or only Amazon, finds a host.

use std::net::IpAddr;

/// Why `host` will not do for members on different machines, when it will not.
pub(crate) fn only_local(host: &str) -> Option<&'static str> {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(match address.is_loopback() || address.is_unspecified() {
            true => "a loopback address means another machine on every machine",
            false => {
                "mongod from 5.0 refuses to start a member that is known by its address alone, and addresses change"
            }
        });
    }
    if name == "localhost" || name.ends_with(".localhost") || name.starts_with("localhost.") {
        return Some("a loopback name means another machine on every machine");
    }
    if name.ends_with(".ec2.internal") || name.ends_with(".compute.internal") {
        return Some(
            "a name that Amazon gives resolves only inside the VPC and dies with the instance",
        );
    }
    None
}

/// A host as anybody else would write it: names have no case, and a dot at their end says nothing.
pub(crate) fn plain_host(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The same of `host:port`, with mongod's own port where there is none.
pub(crate) fn plain_endpoint(endpoint: &str) -> String {
    let (host, port) = split_endpoint(endpoint);
    self::endpoint(&plain_host(host), port)
}

/// Host and port of `host:port`; the port is mongod's own when there is none.
pub(crate) fn split_endpoint(endpoint: &str) -> (&str, u16) {
    match endpoint.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, port),
            Err(_) => (endpoint, 27017),
        },
        _ => (endpoint, 27017),
    }
}

/// `host:port`, with brackets where the host is an IPv6 address.
pub(crate) fn endpoint(host: &str, port: u16) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_travel_badly_are_told_from_those_that_do_not() {
        for bad in [
            "127.0.0.11",
            "10.0.1.5",
            "::1",
            "[::1]",
            "localhost",
            "a.localhost",
            "ip-10-0-1-5.ec2.internal",
            "x.compute.internal.",
        ] {
            assert!(only_local(bad).is_some(), "{bad}");
        }
        for good in ["mongo-1.ci.example.com", "db", "internal.example.com"] {
            assert!(only_local(good).is_none(), "{good}");
        }
    }

    #[test]
    fn endpoints_come_apart_and_together() {
        assert_eq!(split_endpoint("a:1"), ("a", 1));
        assert_eq!(split_endpoint("a"), ("a", 27017));
        assert_eq!(split_endpoint(&endpoint("::1", 5)), ("[::1]", 5));
        for same in ["Mongo-1.example.com", "mongo-1.example.com.:27017", "mongo-1.example.com"] {
            assert_eq!(plain_endpoint(same), "mongo-1.example.com:27017", "{same}");
        }
    }
}
