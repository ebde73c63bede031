//! Every kind against an emulator of AWS: what is made is what was asked for, looks the same when
//! read, changes, goes, and is there once whenever the step that makes it is killed.

mod autoscaling;
mod data;
mod ec2;
mod emulator;
mod iam;
mod kill;
mod kms;
mod permit;
mod provider;
mod rds;
mod recovery;
mod s3;
mod scripted;
mod store;
mod world;
