//! The language as its users see it: text in, values or diagnostics out.

mod blocks;
mod cases;
mod declarations;
mod hostile;
mod marks;
mod mistakes;
mod templates;
mod world;
mod written;
