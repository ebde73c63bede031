locals {
  # Loopback addresses will do because all members run on this machine; elsewhere these are names.
  members = { a = "127.0.0.11", b = "127.0.0.12", c = "127.0.0.13" }

  # mongod takes whoever holds a certificate of this organization and unit for a member of the set.
  organization = "Example"
  unit         = "CircleCI MongoDB members"
  authority = {
    certificate_pem     = tls_ca.internal.certificate_pem
    private_key_pem     = tls_ca.internal.private_key_pem
    organization        = local.organization
    organizational_unit = local.unit
  }

  # The guide's three users, with exactly its roles.
  users = {
    siteUserAdmin = [{ role = "userAdminAnyDatabase", db = "admin" }]
    circle-admin  = [{ role = "root", db = "admin" }, { role = "dbAdmin", db = "admin" }]
    circle        = [for db in ["circle_ghe", "build_state_dev_ghe", "containers_dev_ghe"] : { role = "readWrite", db = db }]
  }
}

resource "tls_cert" "member" {
  for_each = local.members

  ca_certificate_pem    = tls_ca.internal.certificate_pem
  ca_private_key_pem    = tls_ca.internal.private_key_pem
  subject               = { common_name = each.value, organization = local.organization, organizational_unit = local.unit }
  ip_addresses          = [each.value]
  validity_period_hours = 8760
  early_renewal_hours   = 1440
}

# The same for every host but for its address: any of them may become the primary.
data "mongodb_config" "member" {
  for_each = local.members

  version       = var.mongod_version
  root          = "${var.work_folder}/mongodb/${each.key}"
  replica_set   = "circle"
  bind_ip       = [each.value]
  port          = var.mongodb_port
  cache_size_gb = 0.25
  oplog_size_mb = 128
  fork          = true
}

# From their first moment, nobody who has not proved who he is gets an answer from them.
resource "mongodb_host" "member" {
  for_each = local.members

  host               = each.value
  port               = var.mongodb_port
  replica_set        = "circle"
  version            = var.mongod_version
  config             = data.mongodb_config.member[each.key].content
  certificate_pem    = tls_cert.member[each.key].bundle_pem
  ca_certificate_pem = tls_ca.internal.certificate_pem
  keep_data          = false # It is a quick start. Leave this out where data matters.

  # A mongod on this machine.
  process {
    root   = "${var.work_folder}/mongodb/${each.key}"
    mongod = var.mongod
  }
}

resource "mongodb_replica_set" "circle" {
  name      = "circle"
  members   = [for host in mongodb_host.member : host.member]
  authority = local.authority
}

resource "mongodb_user" "this" {
  for_each = local.users

  replica_set = mongodb_replica_set.circle.name
  hosts       = mongodb_replica_set.circle.hosts
  authority   = local.authority
  name        = each.key
  password    = random_password.drawn[each.key].result
  roles       = each.value
}

data "mongodb_uri" "admin" {
  hosts       = mongodb_replica_set.circle.hosts
  replica_set = mongodb_replica_set.circle.name
  user        = mongodb_user.this["circle-admin"].name
  password    = random_password.drawn["circle-admin"].result
  database    = "admin"
}

# For clients on this machine: `--tlsCAFile` and the like.
resource "local_file" "mongodb_ca" {
  filename = "${var.work_folder}/mongodb-ca.pem"
  content  = tls_ca.internal.certificate_pem
}
