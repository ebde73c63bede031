# Something of every kind that the emulator of AWS has, small and quick to make: no server runs behind the database. What
# carries `var.revision` changes with it: in place, and the document by a replacement.

variable "endpoint" {
  description = "Address of the AWS emulator, or of the fault proxy in front of it."
  type        = string
}

variable "prefix" {
  description = "What all names begin with."
  type        = string
  default     = "fifteen"
}

variable "revision" {
  type    = number
  default = 1
}

variable "max_retries" {
  type    = number
  default = 10
}

provider "aws" {
  region      = "eu-west-1"
  endpoint    = var.endpoint
  access_key  = "test"
  secret_key  = "test"
  max_retries = var.max_retries
}

locals {
  tags = { revision = tostring(var.revision) }
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

resource "aws_s3_bucket" "files" {
  bucket = "${var.prefix}-files"
  tags   = local.tags
}

resource "aws_s3_bucket_versioning" "files" {
  bucket                   = aws_s3_bucket.files.bucket
  versioning_configuration = { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "files" {
  bucket = aws_s3_bucket.files.bucket

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "files" {
  bucket                  = aws_s3_bucket.files.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "settings" {
  bucket  = aws_s3_bucket_versioning.files.bucket
  key     = "settings"
  content = "revision = ${var.revision}\n"
  tags    = local.tags
}

resource "aws_s3_object" "document" {
  bucket  = aws_s3_bucket_versioning.files.bucket
  key     = "document/${var.revision}"
  content = "the same in every revision\n"
}

resource "aws_iam_role" "machine" {
  name = "${var.prefix}-machine"
  tags = local.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "fetch" {
  name = "fetch"
  role = aws_iam_role.machine.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.files.arn}/${aws_s3_object.settings.key}" }]
  })
}

resource "aws_iam_role_policy_attachment" "shell" {
  role       = aws_iam_role.machine.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "machine" {
  name = "${var.prefix}-machine"
  role = aws_iam_role.machine.name
}

resource "aws_security_group" "machine" {
  name        = "${var.prefix}-machine"
  description = "Machines"
  vpc_id      = data.aws_vpc.default.id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  security_group_id = aws_security_group.machine.id
  description       = "revision ${var.revision}"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "10.0.0.0/8"
}

resource "aws_vpc_security_group_egress_rule" "out" {
  security_group_id = aws_security_group.machine.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_launch_template" "machine" {
  name                   = "${var.prefix}-machine"
  image_id               = "ami-785db401"
  instance_type          = "m5.large"
  user_data_text         = "#!/bin/sh\necho ${var.revision}\n"
  vpc_security_group_ids = [aws_security_group.machine.id]
  update_default_version = true

  iam_instance_profile {
    name = aws_iam_instance_profile.machine.name
  }
}

resource "aws_autoscaling_group" "machines" {
  name                = "${var.prefix}-machines"
  min_size            = 1
  max_size            = 2
  desired_capacity    = 1
  vpc_zone_identifier = data.aws_subnets.default.ids
  force_delete        = true

  launch_template {
    id      = aws_launch_template.machine.id
    version = aws_launch_template.machine.latest_version
  }

  tag {
    key                 = "revision"
    value               = tostring(var.revision)
    propagate_at_launch = true
  }
}

resource "aws_db_subnet_group" "database" {
  name       = "${var.prefix}-database"
  subnet_ids = data.aws_subnets.default.ids
  tags       = local.tags
}

resource "aws_db_parameter_group" "database" {
  name   = "${var.prefix}-database"
  family = "mysql8.0"
  tags   = local.tags

  parameter {
    name  = "max_connections"
    value = tostring(100 + var.revision)
  }
}

resource "aws_security_group" "database" {
  name        = "${var.prefix}-database"
  description = "The database"
  vpc_id      = data.aws_vpc.default.id
  ingress     = [{ protocol = "tcp", from_port = 3306, to_port = 3306, security_groups = [aws_security_group.machine.id] }]
}

# Of an engine for which the emulator starts no server.
resource "aws_db_instance" "database" {
  identifier              = "${var.prefix}-database"
  engine                  = "mysql"
  engine_version          = "8.0"
  instance_class          = "db.m5.large"
  allocated_storage       = 20
  username                = "master"
  password                = "correct-horse-${var.revision}"
  db_subnet_group_name    = aws_db_subnet_group.database.name
  parameter_group_name    = aws_db_parameter_group.database.name
  vpc_security_group_ids  = [aws_security_group.database.id]
  backup_retention_period = 7
  apply_immediately       = true
  skip_final_snapshot     = true
  tags                    = local.tags
}
