//! `ha`: plans and applies what a directory of HCL files says should exist.

mod views;

fn main() {}
