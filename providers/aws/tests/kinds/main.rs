//! Every resource type against an emulator of AWS: a created object is as requested, reads back the
//! same, can be updated and deleted, and exists once whenever the step that creates it is killed.

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
