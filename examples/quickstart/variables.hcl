# What differs from machine to machine. `run` finds these out and writes them to ha.auto.hclvars.

variable "aws_region" {
  type    = string
  default = "eu-west-1"
}

variable "aws_endpoint" {
  description = "Address of the AWS emulator. In an account of your own: leave it and the keys out of `provider \"aws\"`."
  type        = string
}

variable "work_folder" {
  description = "Where the MongoDB members keep their data, as an absolute path."
  type        = string
}

variable "mongod" {
  description = "Path of the mongod program."
  type        = string
}

variable "mongod_version" {
  type    = string
  default = "6.0.5"
}

variable "mongodb_port" {
  type    = number
  default = 27117

  validation {
    condition     = var.mongodb_port != 27017 && (var.mongodb_port < 32768 || var.mongodb_port > 60999)
    error_message = "Leave 27017 to a MongoDB of your own, and 32768 to 60999 to outgoing connections."
  }
}

variable "postgresql_port" {
  type    = number
  default = 25432

  validation {
    condition     = var.postgresql_port != 5432 && (var.postgresql_port < 32768 || var.postgresql_port > 60999)
    error_message = "Leave 5432 to a PostgreSQL of your own, and 32768 to 60999 to outgoing connections."
  }
}

variable "postgresql_ca_file" {
  description = "Certificate of the authority that signs RDS's certificates: Amazon's bundle, or the emulator's."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the database instance refuses to be deleted. Turn it off, as a step of its own, before you destroy."
  type        = bool
  default     = true
}
