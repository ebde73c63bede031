# A state in a database, with every secret that takes.

variable "given" {
  type      = map(string)
  sensitive = true
}

variable "places" {
  type = map(string)
}

ha {
  backend "postgres" {
    conn_str    = var.given["backend.postgres.conn_str"]
    password    = var.given["backend.postgres.password"]
    schema_name = var.places.name
  }

  encryption {
    passphrase = var.given["encryption.passphrase"]
    fallback {
      aws_kms {
        kms_key_id  = var.places.kms_key
        region      = "eu-west-1"
        endpoint    = var.places.kms
        max_retries = 1
        access_key  = var.given["encryption.fallback.aws_kms.access_key"]
        secret_key  = var.given["encryption.fallback.aws_kms.secret_key"]
        token       = var.given["encryption.fallback.aws_kms.token"]
      }
    }
  }
}
