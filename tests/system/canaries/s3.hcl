# A state in a bucket, with every secret that takes.

variable "given" {
  type      = map(string)
  sensitive = true
}

variable "places" {
  type = map(string)
}

ha {
  backend "s3" {
    bucket      = var.places.bucket
    key         = "${var.places.name}/ha.state"
    region      = "eu-west-1"
    endpoint    = var.places.s3
    max_retries = 1
    access_key  = var.given["backend.s3.access_key"]
    secret_key  = var.given["backend.s3.secret_key"]
    token       = var.given["backend.s3.token"]
  }

  encryption {
    aws_kms {
      kms_key_id  = var.places.kms_key
      region      = "eu-west-1"
      endpoint    = var.places.kms
      max_retries = 1
      access_key  = var.given["encryption.aws_kms.access_key"]
      secret_key  = var.given["encryption.aws_kms.secret_key"]
      token       = var.given["encryption.aws_kms.token"]
    }
    fallback {
      passphrase = var.given["encryption.fallback.passphrase"]
    }
  }
}
