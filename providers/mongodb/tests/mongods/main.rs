//! Real mongods on loopback addresses. They need the program that `tests/outside/install` fetches.

mod hosts;
mod lab;
mod replica_set;
