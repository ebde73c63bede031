//! ha-random
