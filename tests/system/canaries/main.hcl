# A secret in every argument that takes one, each of them another, so that a leak says whose it is.

ha {
  encryption {
    passphrase = var.given["encryption.passphrase"]
  }
}

variable "given" {
  description = "The secrets that people choose, by the argument they go into."
  type        = map(string)
  sensitive   = true
}

variable "passing" {
  type      = string
  ephemeral = true
  sensitive = true

  validation {
    condition     = length(var.passing) > 20
    error_message = "It is too short."
  }
}

variable "places" {
  type = object({ aws = string, folder = string, mongod = string, mongodb_port = number, postgresql_port = number, postgresql_ca_file = string })
}

provider "aws" {
  region     = "eu-west-1"
  endpoint   = var.places.aws
  access_key = "test"
  secret_key = var.given["aws.secret_key"]
  token      = var.given["aws.token"]
}

provider "postgresql" {
  host        = aws_db_instance.this.address
  port        = aws_db_instance.this.port
  username    = aws_db_instance.this.username
  password    = var.given["postgresql.password"]
  sslrootcert = var.places.postgresql_ca_file
}

locals {
  host      = "127.0.0.14"
  authority = { certificate_pem = tls_ca.this.certificate_pem, private_key_pem = tls_ca.this.private_key_pem, organization = "Canaries" }
}

resource "random_password" "drawn" {
  length = 32
}

resource "tls_ca" "this" {
  subject               = { common_name = "Canaries", organization = "Example" }
  validity_period_hours = 24
}

resource "tls_cert" "this" {
  ca_certificate_pem    = tls_ca.this.certificate_pem
  ca_private_key_pem    = tls_ca.this.private_key_pem
  subject               = { common_name = local.host, organization = "Canaries" }
  ip_addresses          = [local.host]
  validity_period_hours = 24
}

# The provider logs in with the master's password, so both have the same.
resource "aws_db_instance" "this" {
  identifier          = "canaries"
  engine              = "postgres"
  engine_version      = "15"
  instance_class      = "db.t3.micro"
  allocated_storage   = 20
  port                = var.places.postgresql_port
  username            = "keeper"
  password            = var.given["aws_db_instance.password"]
  skip_final_snapshot = true
  apply_immediately   = true
}

resource "postgresql_role" "this" {
  name     = "canary"
  login    = true
  password = var.given["postgresql_role.password"]
}

data "mongodb_config" "this" {
  version       = "6.0.5"
  root          = "${var.places.folder}/mongodb"
  replica_set   = "canaries"
  bind_ip       = [local.host]
  port          = var.places.mongodb_port
  cache_size_gb = 0.25
  oplog_size_mb = 128
  fork          = true
}

resource "mongodb_host" "this" {
  host               = local.host
  port               = var.places.mongodb_port
  replica_set        = "canaries"
  version            = "6.0.5"
  config             = data.mongodb_config.this.content
  certificate_pem    = tls_cert.this.bundle_pem
  ca_certificate_pem = tls_ca.this.certificate_pem
  keep_data          = false

  process {
    root   = "${var.places.folder}/mongodb"
    mongod = var.places.mongod
  }
}

resource "mongodb_replica_set" "this" {
  name      = "canaries"
  members   = [mongodb_host.this.member]
  authority = local.authority
}

resource "mongodb_user" "this" {
  replica_set = mongodb_replica_set.this.name
  hosts       = mongodb_replica_set.this.hosts
  authority   = local.authority
  name        = "canary"
  password    = var.given["mongodb_user.password"]
  roles       = [{ role = "root", db = "admin" }]
}

resource "local_file" "this" {
  filename          = "written.conf"
  sensitive_content = var.given["local_file.sensitive_content"]
}

# What is said in the words of others: documents, a bucket's object, a machine's first script, in base64 there.
data "mongodb_uri" "this" {
  hosts       = mongodb_replica_set.this.hosts
  replica_set = mongodb_replica_set.this.name
  user        = mongodb_user.this.name
  password    = var.given["mongodb_user.password"]
  database    = "admin"
}

data "circleci_replicated_config" "this" {
  daemon_authentication_password = random_password.drawn.result
  tls_bootstrap_hostname         = "canaries.example.com"
  release_sequence               = 1
}

resource "aws_s3_bucket" "this" {
  bucket        = "canaries"
  force_destroy = true
}

resource "aws_s3_object" "this" {
  bucket  = aws_s3_bucket.this.bucket
  key     = "replicated.conf"
  content = data.circleci_replicated_config.this.content
}

resource "aws_launch_template" "this" {
  name           = "canaries"
  image_id       = "ami-12c6146b"
  instance_type  = "t3.micro"
  user_data_text = "#!/bin/sh\nexport URI=${data.mongodb_uri.this.uri}\nexport ONE='${replace(var.given["local_file.sensitive_content"], "'", "'\\''")}'\n"
}

resource "ha_data" "this" {
  input = {
    uri     = urlencode(var.given["local_file.sensitive_content"])
    json    = jsonencode({ it = var.given["local_file.sensitive_content"] })
    base64  = base64encode("${var.given["local_file.sensitive_content"]} and more")
    passing = sha256(var.given["local_file.sensitive_content"])
  }
}

# A secret as what a service calls something, as a key and in a type.
resource "postgresql_role" "named" {
  name = var.given["named"]
}

resource "aws_s3_object" "named" {
  bucket  = aws_s3_bucket.this.bucket
  key     = "below/${var.given["named"]}"
  content = "open"
}

resource "ha_data" "named" {
  input            = { (var.given["named"]) = [{ (var.given["named"]) = 1 }] }
  triggers_replace = toset([var.given["named"]])
}

output "named" {
  value     = { (var.given["named"]) = [postgresql_role.named.id, aws_s3_object.named, ha_data.named] }
  sensitive = true
}

output "all" {
  value     = var.given
  sensitive = true
}

output "uri" {
  value     = data.mongodb_uri.this.uri
  sensitive = true
}
