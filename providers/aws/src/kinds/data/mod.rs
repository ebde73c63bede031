//! What is only read, and documents.
