//! Who listens on a port of this machine, read from the kernel.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A listening socket.
#[derive(Debug, PartialEq, Eq)]
struct PortListener {
    address: IpAddr,
    inode: u64,
}

const LISTENING: &str = "0A";

/// The program that listens on `port` at `address` or at all addresses, for a person.
pub(super) fn listener(address: IpAddr, port: u16) -> Option<String> {
    let tables = [fs::read_to_string("/proc/net/tcp"), fs::read_to_string("/proc/net/tcp6")];
    let taken = |it: &PortListener| {
        it.address == address || it.address.is_unspecified() || address.is_unspecified()
    };
    let mut listeners = tables.iter().flatten().flat_map(|table| listeners(table, port));
    listeners.find(taken).map(|it| owner(it.inode))
}

fn listeners(table: &str, port: u16) -> Vec<PortListener> {
    let read = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (*fields.get(1)?, *fields.get(3)?, *fields.get(9)?);
        let (address, found) = local.split_once(':')?;
        let listens = state == LISTENING && u16::from_str_radix(found, 16).ok()? == port;
        listens.then_some(PortListener { address: decoded(address)?, inode: inode.parse().ok()? })
    };
    table.lines().skip(1).filter_map(read).collect()
}

/// The kernel writes addresses as 32-bit words in the machine's own byte order.
fn decoded(hexadecimal: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        u32::from_str_radix(hexadecimal.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes)
    };
    match hexadecimal.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?);
            }
            let address = Ipv6Addr::from(bytes);
            Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
        }
        _ => None,
    }
}

fn owner(inode: u64) -> String {
    let wanted = format!("socket:[{inode}]");
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let folder = entry.path();
        let Some(process) = entry.file_name().to_str().and_then(|it| it.parse::<i32>().ok()) else {
            continue;
        };
        let open = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        if open
            .map(|it| fs::read_link(it.path()))
            .any(|it| it.is_ok_and(|it| it.as_os_str() == wanted.as_str()))
        {
            let program = fs::read_link(folder.join("exe")).map(|it| it.display().to_string());
            // Never the arguments: they may hold somebody's password.
            let name = program.unwrap_or_else(|_| {
                fs::read_to_string(folder.join("comm")).unwrap_or_default().trim().to_owned()
            });
            return format!("process {process} ({name})");
        }
    }
    "a process of another user or container (`ss -ltnp` as root names it)".to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_is_named_by_its_process_and_program() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let found = listener(IpAddr::V4(Ipv4Addr::LOCALHOST), port).unwrap();
        assert!(found.starts_with(&format!("process {} (/", std::process::id())), "{found}");
        assert_eq!(listener(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77)), port), None);
        drop(socket);
        assert_eq!(listener(IpAddr::V4(Ipv4Addr::LOCALHOST), port), None);
    }

    #[test]
    fn a_listener_on_all_addresses_has_each_of_them() {
        let socket =
            TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(listener(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77)), port).is_some());
    }
}
