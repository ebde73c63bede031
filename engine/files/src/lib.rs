//! Files of other people: regular files alone, of a limited size.

pub mod regular_file;
