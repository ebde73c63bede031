//! The engine as its users meet it: configuration in, plan out, a world that changes, over kinds and providers that are
//! made up.

mod mock;
mod project;
mod show;

mod lifecycle;
