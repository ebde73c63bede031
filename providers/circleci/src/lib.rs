//! ha-circleci
