# The highly available back end of a CircleCI Enterprise installation, on this machine: a MongoDB replica set of three
# real servers, PostgreSQL behind an RDS instance, and the Services machine as an Auto Scaling group of one.

provider "aws" {
  region     = var.aws_region
  endpoint   = var.aws_endpoint
  access_key = "test" # The emulator takes any.
  secret_key = "test"
}

# The server appears in the middle of the first apply: the provider waits for its address.
provider "postgresql" {
  host        = aws_db_instance.pg.address
  port        = aws_db_instance.pg.port
  username    = aws_db_instance.pg.username
  password    = random_password.drawn["postgresql master"].result
  sslmode     = "verify-full"
  sslrootcert = var.postgresql_ca_file
}

# One authority for the members. Its key stays in the sealed state.
resource "tls_ca" "internal" {
  subject               = { common_name = "CircleCI internal authority", organization = "Example" }
  validity_period_hours = 87600
}

# Drawn once, kept sealed. RDS takes no slash, at sign or quotation mark in its master's password.
resource "random_password" "drawn" {
  for_each = toset(["siteUserAdmin", "circle-admin", "circle", "postgresql master", "postgresql circle", "passphrase", "console"])

  length           = 32
  override_special = each.key == "postgresql master" ? "!#$%&*()-_=+" : "!@#$%&*()-_=+/':"
}
