//! Reads files that others wrote: regular files only, of a limited size.

pub mod regular_file;
