# The Services machine: replaced by its group when it dies, set up by its user data from files in a bucket.

locals {
  hostname = "circleci.example.com"

  # What goes where on the machine, and under which name into the bucket.
  files = {
    "settings.conf"   = { folder = "/etc", document = data.circleci_settings.this }
    "replicated.conf" = { folder = "/etc", document = data.circleci_replicated_config.this }
    "license.rli"     = { folder = "/etc", document = { content = file("license.rli"), sha256 = filesha256("license.rli") } }
    "circle-installation-customizations" = { folder = "/etc", document = data.circleci_customizations.this }
    "mongodb-ca.crt" = { # What lies there is trusted by the whole machine.
      folder   = "/usr/local/share/ca-certificates"
      document = { content = tls_ca.internal.certificate_pem, sha256 = sha256(tls_ca.internal.certificate_pem) }
    }
  }
}

data "circleci_settings" "this" {
  hostname          = local.hostname
  secret_passphrase = random_password.drawn["passphrase"].result
  ghe_client_id     = "placeholder-oauth-client-id"     # Placeholders: from GitHub's
  ghe_client_secret = "placeholder-oauth-client-secret" # page of your OAuth application.
  aws_region        = var.aws_region
  s3_bucket         = aws_s3_bucket.services.bucket
  sqs_queue_url     = "https://sqs.${var.aws_region}.amazonaws.com/123456789012/placeholder"
}

data "circleci_replicated_config" "this" {
  daemon_authentication_password = random_password.drawn["console"].result
  tls_bootstrap_hostname         = local.hostname
  release_sequence               = 279 # Pinned: a replacement comes up with what the one before it ran.
}

data "circleci_customizations" "this" {
  mongodb {
    hosts       = mongodb_replica_set.circle.hosts
    replica_set = mongodb_replica_set.circle.name
    username    = mongodb_user.this["circle"].name
    password    = random_password.drawn["circle"].result
  }
  postgresql {
    host     = aws_db_instance.pg.address
    port     = aws_db_instance.pg.port
    database = postgresql_database.circle.name
    username = postgresql_role.circle.name
    password = random_password.drawn["postgresql circle"].result
  }
}

resource "aws_s3_bucket" "services" {
  bucket        = "circleci-services-quickstart"
  force_destroy = true # It is a quick start.
}

resource "aws_s3_bucket_versioning" "services" {
  bucket                   = aws_s3_bucket.services.bucket
  versioning_configuration = { status = "Enabled" }
}

resource "aws_s3_bucket_public_access_block" "services" {
  bucket                  = aws_s3_bucket.services.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Under a key that holds the content's checksum: what is new never replaces what a machine may still fetch.
resource "aws_s3_object" "file" {
  for_each = local.files

  bucket                 = aws_s3_bucket_versioning.services.bucket
  key                    = "${each.key}/${each.value.document.sha256}"
  content                = each.value.document.content
  server_side_encryption = "aws:kms"

  lifecycle {
    create_before_destroy = true
  }
}

data "userdata" "services" {
  region         = var.aws_region
  replicated_tag = "2.38.6"
  files = [for name, file in local.files : {
    path   = "${file.folder}/${name}"
    bucket = aws_s3_bucket.services.bucket
    key    = aws_s3_object.file[name].key
    sha256 = file.document.sha256
  }]
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

data "aws_ami" "ubuntu" {
  most_recent = true
  owners      = ["099720109477"] # Canonical

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd/ubuntu-xenial-16.04-amd64-server-*"]
  }
}

resource "aws_security_group" "services" {
  name        = "circleci-services"
  description = "The Services machine"
  vpc_id      = data.aws_vpc.default.id

  ingress = [for port in [22, 80, 443, 8800] : { protocol = "tcp", from_port = port, to_port = port, cidr_blocks = ["10.0.0.0/8"] }]

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

data "aws_iam_policy_document" "ec2" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

# The machine may fetch its files, and nothing else.
data "aws_iam_policy_document" "fetch" {
  statement {
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = [for object in aws_s3_object.file : "${aws_s3_bucket.services.arn}/${object.key}"]
  }
}

resource "aws_iam_role" "services" {
  name               = "circleci-services"
  assume_role_policy = data.aws_iam_policy_document.ec2.json
}

resource "aws_iam_role_policy" "fetch" {
  name   = "fetch-configuration"
  role   = aws_iam_role.services.name
  policy = data.aws_iam_policy_document.fetch.json
}

resource "aws_iam_instance_profile" "services" {
  name = "circleci-services"
  role = aws_iam_role.services.name
}

resource "aws_launch_template" "services" {
  name                   = "circleci-services"
  image_id               = data.aws_ami.ubuntu.id
  instance_type          = "m5.2xlarge"
  user_data_text         = data.userdata.services.content
  vpc_security_group_ids = [aws_security_group.services.id]
  update_default_version = true

  iam_instance_profile {
    name = aws_iam_instance_profile.services.name
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2 # Containers ask too.
  }

  block_device_mappings {
    device_name = data.aws_ami.ubuntu.root_device_name

    ebs {
      volume_size           = 150
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }
}

# One machine, always: Services is a singleton.
resource "aws_autoscaling_group" "services" {
  name                      = "circleci-services"
  min_size                  = 1
  max_size                  = 1
  desired_capacity          = 1
  vpc_zone_identifier       = data.aws_subnets.default.ids
  health_check_type         = "EC2"
  health_check_grace_period = 1200 # Longer than the first start takes, or the group replaces it for ever.
  default_instance_warmup   = 1200

  launch_template {
    id      = aws_launch_template.services.id
    version = aws_launch_template.services.latest_version
  }

  tag {
    key                 = "Name"
    value               = "circleci-services"
    propagate_at_launch = true
  }
}
