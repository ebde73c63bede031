//! Real mongods on loopback addresses. They need the program that `tests/emulators/install`
//! fetches.

#[cfg(test)]
mod hosts;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod replica_set;
